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

    assert (settings.db_pool_size, settings.item_ttl) == (7, 2.5)
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
        ({"TRUSTED_PROXIES": "10.0.0.0/16, *"}, r"TRUSTED_PROXIES: '\*' does not appear to be"),
        ({"TRUSTED_PROXIES": "10.0.0.1/16"}, "TRUSTED_PROXIES: 10.0.0.1/16 has host bits set"),
    ],
)
def test_setting_that_means_nothing_alone_is_refused(bad: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_settings({**GOOD, **bad})


def test_refusal_does_not_repeat_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({**GOOD, "DATABASE_URL": "postgres:/service:hunter2@db/service"})
    assert "hunter2" not in str(refused.value)


def test_plan_overrides_what_granian_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANIAN_BACKPRESSURE", "123")
    environment = granian_environment(load_settings({**GOOD, "WEB_CONCURRENCY": "3"}))

    assert environment["GRANIAN_BACKPRESSURE"] == "123"
    assert environment["GRANIAN_WORKERS"] == "3"
    assert environment["GRANIAN_HTTP1_HEADER_READ_TIMEOUT"] == "59000"
