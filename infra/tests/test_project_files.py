"""Pulumi.yaml and the stack files, as they lie in the template or in a generated project."""

import json
from pathlib import Path
from typing import Any

import pulumi_yaml
import pytest
import yaml
from jinja2 import Template

from plans import parse, planned
from stackkit.plan import plan
from stackkit.settings import config
from stackkit.settings.errors import ConfigError

PROJECT = Path(__file__).absolute().parents[2] / "{{cookiecutter.project}}"
ANSWERS = {
    "project": "shop",
    "description": 'Sells "things": all of them # and more',
    "aws_region": "eu-central-1",
    "compute": "ec2",
    "domain": "",
}
# Granian isn't installed beside infra/; these are variables of its command line, version 2
GRANIAN = (
    "GRANIAN_BACKLOG",
    "GRANIAN_BACKPRESSURE",
    "GRANIAN_WORKERS_KILL_TIMEOUT",
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT",
)


def rendered(name: str, **answers: str) -> str:
    text = (PROJECT / "infra" / name).read_text()
    return Template(text).render(cookiecutter=ANSWERS | answers)


def project_file(name: str, **answers: str) -> dict[str, Any]:
    return yaml.safe_load(rendered(name, **answers))


def stack_values(stack: str, **answers: str) -> dict[str, object]:
    prefix = f"{project_file('Pulumi.yaml')['name']}:"
    keys = project_file(f"Pulumi.{stack}.yaml", **answers)["config"]
    return {key.removeprefix(prefix): keys[key] for key in keys if key.startswith(prefix)}


@pytest.mark.parametrize("stack", ["dev", "small", "prod"])
def test_a_stack_file_names_only_keys_of_the_chosen_compute(stack: str) -> None:
    instances = {"instance_types", "ami_id", "bake_ami", "warm_pool"}
    tasks = {"task_cpu", "task_memory_mib"}
    assert not instances & set(stack_values(stack, compute="fargate"))
    assert not tasks & set(stack_values(stack, compute="ec2"))


def test_pulumi_yaml_is_generated_from_the_keys() -> None:
    written = (PROJECT / "infra/Pulumi.yaml").read_text()
    assert written == pulumi_yaml.updated(written), "run scripts/pulumi_yaml.py"


def test_the_generated_schema_has_the_keys_with_their_types_and_defaults() -> None:
    described = project_file("Pulumi.yaml")["config"]
    assert list(described) == list(config.KEYS)
    for name, key in config.KEYS.items():
        default = list(key.default) if isinstance(key.default, tuple) else key.default
        assert described[name]["default"] == default, name
        assert type(described[name]["default"]) is type(default), name
        assert described[name]["type"] == key.metadata["kind"], name
        assert described[name]["description"].endswith("."), name


def test_every_default_is_accepted_by_its_own_key() -> None:
    for name, key in config.KEYS.items():
        assert key.metadata["read"](name, key.default) == key.default


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
@pytest.mark.parametrize("stack", ["dev", "small", "prod"])
def test_stack_file_is_complete_but_for_the_owners_values(stack: str, compute: str) -> None:
    own = {
        "compute": compute,
        "upstream_url": "https://upstream.example.com",
        "domain": "api.example.com",
    }
    read = parse("shop", stack, stack_values(stack, compute=compute) | own)
    assert read.tier == ("dev" if stack == "dev" else "prod")
    assert plan.derive(read).fleet.maximum.value > 0


def test_prod_is_built_for_fifty_thousand_in_flight() -> None:
    assert stack_values("prod")["peak_in_flight"] == 50_000


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_the_small_production_grows_to_fifty_thousand_by_the_command_in_its_file(
    compute: str,
) -> None:
    own = {"domain": "api.example.com"}
    small = stack_values("small", compute=compute) | own
    text = rendered("Pulumi.small.yaml", compute=compute)
    set_all = next(line for line in text.splitlines() if "pulumi config set-all" in line)
    grown = dict(word.split("=") for word in set_all.split() if "=" in word)
    peak = plan.derive(parse("shop", "small", small)).fleet.peak_rate.value
    assert (peak, parse("shop", "small", small).production) == (500, True)
    large = plan.derive(parse("shop", "small", small | grown))
    assert large.config.peak_in_flight == 50_000
    prod = parse("shop", "prod", stack_values("prod") | own)
    assert large.config.database_class == prod.database_class
    assert large.config.cache_class == prod.cache_class


def test_prod_without_a_domain_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^domain: production without one would serve plain HTTP"
    ):
        parse("shop", "prod", stack_values("prod") | {"domain": ""})


@pytest.mark.parametrize("stack", ["dev", "small", "prod"])
def test_all_that_a_stack_makes_is_tagged(stack: str) -> None:
    keys = project_file(f"Pulumi.{stack}.yaml")["config"]
    tags = keys["aws:defaultTags"]["tags"]
    assert tags == {
        "project": project_file("Pulumi.yaml")["name"],
        "stack": stack,
        "managed-by": "pulumi",
    }


def test_the_plan_sets_only_variables_that_the_service_or_granian_reads() -> None:
    snapshot = json.loads((PROJECT.parent / "tests/public_interface.json").read_text())
    assert plan.environment(planned()).keys() <= {*snapshot["environment variables"], *GRANIAN}
