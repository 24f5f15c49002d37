import re

import pulumi
import pytest
import yaml

from harness import IMAGE
from plans import COMPLETE, parse, stack
from stackkit.settings import config
from stackkit.settings.errors import ConfigError
from stackkit.settings.load import check_region, load_config


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"peak": 1}, "peak: no such key; Pulumi.yaml lists those that there are."),
        ({"tier": "staging"}, "tier: 'staging' is not one of dev, prod."),
        ({"latency_ms": "80ms"}, "latency_ms: '80ms' is not a whole number of milliseconds."),
        ({"latency_ms": 0.08}, "latency_ms: 0.08 is not a whole number of milliseconds."),
        (
            {"request_timeout_s": "10s"},
            "request_timeout_s: '10s' is not a whole number of seconds.",
        ),
        ({"peak_in_flight": True}, "peak_in_flight: True is not a whole number."),
        ({"peak_in_flight": 0}, "peak_in_flight: 0 is not between 1 and 10000000."),
        ({"zones": 1}, "zones: 1 is not between 2 and 3."),
        ({"waf": "yes"}, "waf: 'yes' is neither true nor false."),
        (
            {"task_cpu": 1},
            "task_cpu: 1 is not one of 256, 512, 1024, 2048, 4096, 8192, 16384.",
        ),
        ({"scaling_policies": "cpu"}, "scaling_policies: 'cpu' is not a list."),
        (
            {"scaling_policies": ["memory"]},
            "scaling_policies: 'memory' is not one of cpu, requests, network, in_flight, step.",
        ),
        ({"scaling_policies": ["cpu", "cpu"]}, "scaling_policies: an entry is there twice."),
        (
            {"domain": "https://example.com"},
            "domain: 'https://example.com' is not a host name such as api.example.com.",
        ),
        (
            {"image": "registry.example.com/shop:latest"},
            "image: 'registry.example.com/shop:latest' is not an image URI with a digest"
            " (…@sha256:…).",
        ),
        ({"ami_id": "al2023"}, "ami_id: 'al2023' is not an AMI id such as ami-0123456789abcdef0."),
        (
            {"upstream_url": "https://user:word@example.com"},
            "upstream_url: 'https://user:word@example.com' is not a URL without credentials.",
        ),
        (
            {"secrets": ["API_KEY=hunter2"]},
            "secrets: 'API_KEY=hunter2' is not a line NAME=ARN of a secret in Secrets Manager or of"
            " an SSM parameter.",
        ),
        (
            {"schedules": ["at noon"]},
            "schedules: 'at noon' is not a line \"minute hour day month weekday = min..max\" such"
            ' as "0 7 * * MON-FRI = 60..330".',
        ),
        (
            {"cache_password": "hunter2"},
            "cache_password: the value is in plain text; set it with"
            " `pulumi config set --secret cache_password`.",
        ),
    ],
)
def test_a_key_refuses_nonsense(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        stack(**values)


def test_a_plain_secret_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(ConfigError) as refused:
        stack(cache_password="hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_secret_is_not_shown_with_the_config() -> None:
    values = COMPLETE | {"cache_password": "hunter2"}
    shown = parse("shop", "prod", values, secrets=["cache_password"])
    assert shown.cache_password == "hunter2"
    assert "hunter2" not in repr(shown)


def test_text_from_the_engine_reads_like_typed_values() -> None:
    as_text = stack(waf="false", zones="2", scaling_policies='["cpu", "step"]')
    assert as_text == stack(waf=False, zones=2, scaling_policies=["cpu", "step"])


def test_a_version_may_be_a_number_of_yaml() -> None:
    assert stack(database_version=18).database_version == "18"


def load(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> config.Config:
    monkeypatch.setattr(pulumi, "get_project", lambda: "shop")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    pulumi.runtime.set_all_config(keys, ["shop:cache_password"])
    try:
        return load_config()
    finally:
        pulumi.runtime.set_all_config({}, [])


def test_on_and_off_are_words_in_a_stack_file_too() -> None:
    read = {word: stack(predictive_scaling=yaml.safe_load(word)) for word in ("on", "off", '"on"')}
    assert [made.predictive_scaling for made in read.values()] == ["on", "off", "on"]


def test_the_engines_keys_are_read_and_its_others_left(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {f"shop:{name}": str(value) for name, value in COMPLETE.items()}
    keys |= {"aws:region": "eu-central-1", "shop:cache_password": "hunter2"}
    loaded = load(keys | {"shop:image": IMAGE}, monkeypatch)
    assert (loaded.name, loaded.domain) == ("shop-prod", "api.example.com")
    assert loaded.cache_password == "hunter2"


def test_each_key_that_can_not_be_read_is_named_in_one_run() -> None:
    with pytest.raises(ConfigError) as refused:
        stack(tier="x", zones=9, guarded=True)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        *("tier", "zones", "guarded")
    ]


@pytest.mark.parametrize(
    ("values", "zone"),
    [
        ({"domain": "api.example.com"}, "example.com"),
        ({"domain": "example.com"}, "example.com"),
        ({"domain": "a.b.example.com", "zone": "example.com"}, "example.com"),
        ({"domain": "", "allow_http": True}, ""),
        (
            {"certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1-2"},
            "",
        ),
    ],
)
def test_the_zone_is_the_domains_parent_unless_set(values: dict[str, object], zone: str) -> None:
    assert stack(**values).hosted_zone == zone


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1"])
def test_another_partition_is_refused(region: str) -> None:
    with pytest.raises(ConfigError, match=rf"^aws:region: {region} is in a partition of AWS"):
        check_region(region)
    check_region("eu-central-1")
