import re
from collections.abc import Mapping

import pytest

from app.settings import load_settings
from servicekit.server.launch import granian_environment
from servicekit.settings import SettingsError

GOOD = {
    "DATABASE_URL": "postgresql://service@db/service",
    "REDIS_URL": "rediss://cache:6379/0",
    "UPSTREAM_URL": "https://api.example.com",
}


def test_environment_is_read_with_its_types() -> None:
    settings = load_settings({**GOOD, "DB_POOL_SIZE": "7", "ITEM_TTL": "2.5", "OTHER": "x"})

    assert (settings.db_pool_size, settings.row_ttl) == (7, 2.5)
    assert settings.environment == "production"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_missing_variable_is_named(missing: str) -> None:
    rest = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(SettingsError, match=f"missing required field `{missing}`"):
        load_settings(rest)


@pytest.mark.parametrize(
    "bad",
    [
        {"DATABASE_URL": "mysql://db/service"},
        {"REDIS_URL": "cache:6379"},
        {"UPSTREAM_URL": "api.example.com"},
        {"PORT": "0"},
        {"PORT": "80000"},
        {"WEB_CONCURRENCY": "0"},
        {"DB_POOL_SIZE": "ten"},
        {"MEMORY_CACHE_ENTRIES": "-1"},
        {"REQUEST_TIMEOUT": "0"},
        {"REQUEST_TIMEOUT": "inf"},
        {"REQUEST_TIMEOUT": "nan"},
        {"DRAIN_TIME": "inf"},
        {"HOST": ""},
        {"ENVIRONMENT": "staging"},
    ],
)
def test_unusable_value_is_named(bad: Mapping[str, str]) -> None:
    (name,) = bad
    with pytest.raises(SettingsError, match=rf"\$\.{name}"):
        load_settings({**GOOD, **bad})


@pytest.mark.parametrize(
    "bad, sentence",
    [
        ({"AUTH_ISSUER": "https://a.example"}, "AUTH_ISSUER needs AUTH_AUDIENCE"),
        ({"AUTH_AUDIENCE": "orders"}, "AUTH_AUDIENCE and AUTH_JWKS_URL need AUTH_ISSUER"),
        ({"AUTH_ISSUER": "", "AUTH_AUDIENCE": "orders"}, "need AUTH_ISSUER"),
        ({"AUTH_JWKS_URL": "https://a.example/keys"}, "need AUTH_ISSUER"),
        ({"AUTH_ISSUER": "https://a.example ", "AUTH_AUDIENCE": "b"}, "AUTH_ISSUER has spaces"),
        ({"AUTH_ISSUER": "https://a.example", "AUTH_AUDIENCE": " b"}, "AUTH_AUDIENCE has spaces"),
        ({"AUTH_ISSUER": "a.example", "AUTH_AUDIENCE": "b"}, "not an http or https address"),
        ({"TRUSTED_PROXIES": "10.0.0.0/16, *"}, r"TRUSTED_PROXIES: '\*' does not appear to be"),
        ({"TRUSTED_PROXIES": "10.0.0.1/16"}, "TRUSTED_PROXIES: 10.0.0.1/16 has host bits set"),
        ({"AUTH_PUBLIC_PATHS": "/"}, "AUTH_PUBLIC_PATHS: / is not"),
        ({"AUTH_PUBLIC_PATHS": "schema"}, "AUTH_PUBLIC_PATHS: schema is not"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES: 0.0.0.0/0 would let every client"),
        ({"TRUSTED_PROXIES": "10.0.0.0/16,::/0"}, "TRUSTED_PROXIES: ::/0 would let every client"),
        ({"PORT": "9101", "ADMIN_PORT": "9100"}, "ADMIN_PORT and the port above it have to differ"),
        ({"UPSTREAM_URL": "https://u.example/v1?key=1"}, r"UPSTREAM_URL: an address without \?"),
        ({"UPSTREAM_URL": "https://u.example/#a"}, r"UPSTREAM_URL: an address without \?"),
        ({"UPSTREAM_URL": "https://u.example/a b"}, "UPSTREAM_URL: spaces"),
        ({"UPSTREAM_URL": "https://"}, "UPSTREAM_URL: not an http or https address"),
        ({"UPSTREAM_URL": "https://u.example:80000"}, "UPSTREAM_URL: the port is not a number"),
        ({"REDIS_URL": "redis://cache:x/0"}, "REDIS_URL: the port is not a number"),
        ({"DATABASE_URL": "postgresql://db:99999/x"}, "DATABASE_URL: the port is not a number"),
    ],
)
def test_settings_that_can_not_work_are_refused(bad: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_settings({**GOOD, **bad})


@pytest.mark.parametrize(
    "origin, sentence",
    [
        ("*", "is not an origin; name each one"),
        ("null", "is not an origin; name each one"),
        ("shop.example", "is not an origin"),
        ("//shop.example", "is not an origin"),
        ("https:shop.example", "is not an origin"),
        ("https://", "is not an origin"),
        ("https://shop.example/", "browsers send https://shop.example$"),
        ("https://shop.example/a", "is more than an origin"),
        ("https://shop.example?a", "is more than an origin"),
        ("https://shop.example#a", "is more than an origin"),
        ("https://a@shop.example", "is more than an origin"),
        ("https://Shop.example", "browsers send https://shop.example$"),
        ("HTTPS://shop.example", "browsers send https://shop.example$"),
        ("https://shop.example:443", "browsers send https://shop.example$"),
        ("http://shop.example:80", "browsers send http://shop.example$"),
        ("https://shop.example:", "has no host|browsers send"),
        ("https://shop.example:99999", "[Pp]ort"),
        ("https://*.shop.example", "has no host"),
        ("https://b\u00fccher.example", "has no host"),
        ("https://shop .example", "has no host"),
        ("https://ok.example, https://shop.example/", "browsers send"),
    ],
)
def test_origin_that_no_browser_sends_is_refused(origin: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match="CORS_ORIGINS") as refused:
        load_settings({**GOOD, "CORS_ORIGINS": origin})
    assert re.search(sentence, str(refused.value).removesuffix("."))


@pytest.mark.parametrize(
    "good",
    [
        {"CORS_ORIGINS": "https://shop.example, http://localhost:3000,http://127.0.0.1:8080"},
        {"CORS_ORIGINS": "http://[::1]:3000,https://xn--bcher-kva.example,capacitor://localhost"},
        {"CORS_ORIGINS": "https://shop.example:8443,chrome-extension://abcdef"},
        {"AUTH_ISSUER": "https://a.example/", "AUTH_AUDIENCE": "b"},
        {"AUTH_ISSUER": "a", "AUTH_AUDIENCE": "b", "AUTH_JWKS_URL": "http://a.example/keys"},
        {"TRUSTED_PROXIES": "10.0.0.0/16, 127.0.0.1, fd00::/8"},
        {"DATABASE_URL": "postgresql://a:5432,b:5432/x"},
        {"DATABASE_URL": "postgresql:///x?host=/var/run/postgresql"},
        {"UPSTREAM_URL": ""},
        {"UPSTREAM_URL": "https://user:p%20ss@u.example:8443/v1/"},
        {"ADMIN_PORT": "0"},
    ],
    ids=str,
)
def test_settings_that_work_are_accepted(good: Mapping[str, str]) -> None:
    load_settings({**GOOD, **good})


def test_refusal_does_not_repeat_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({**GOOD, "DATABASE_URL": "postgres:/service:hunter2@db/service"})
    assert "hunter2" not in str(refused.value)


def test_granian_variable_of_the_plan_overrides_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRANIAN_BACKPRESSURE", "123")
    environment = granian_environment(load_settings({**GOOD, "WEB_CONCURRENCY": "3"}))

    assert environment["GRANIAN_BACKPRESSURE"] == "123"
    assert environment["GRANIAN_WORKERS"] == "3"
    assert environment["GRANIAN_HTTP1_HEADER_READ_TIMEOUT"] == "59000"
