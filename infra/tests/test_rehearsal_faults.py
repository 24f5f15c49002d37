"""What a user reads who broke something: the resource, the API's words, the input at fault."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import INFRA, keys
from test_rehearsal import copy_program, program_alone, rehearse

pytestmark = pytest.mark.extra("rehearses broken stacks")

LONG = "a-name-of-forty-characters-is-eight-more"
PAGE = "page.html"
NOBODY = "sg-0123456789abcdef0"
BROKEN: dict[tuple[str, str], dict[str, Any]] = {
    # where the first private subnet is
    ("aws:ec2/subnet:Subnet", "rehearsal-prod-isolated-2"): {"cidrBlock": "10.0.0.0/20"},
    ("aws:lb/targetGroup:TargetGroup", "*"): {"name": LONG},
    ("aws:lb/loadBalancer:LoadBalancer", "*"): {"securityGroups": [NOBODY]},
    ("aws:rds/instance:Instance", "*"): {"engineVersion": "19"},
    ("aws:sns/topic:Topic", "*"): {"colour": "red"},
}
UNPAIRED: dict[tuple[str, str], dict[str, Any]] = {
    ("aws:ecs/taskDefinition:TaskDefinition", "*"): {"cpu": "1024", "memory": "1000"},
    ("aws:rds/instance:Instance", "*"): {"publiclyAccessible": True},
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", "*"): {"actionsSuppressor": {"colour": "red"}},
}
LEAVING = """
import boto3
boto3.client("sts").get_caller_identity()
"""


@pytest.fixture(scope="module")
def broken_infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    infra = copied(tmp_path_factory.mktemp("broken"))
    append(infra / "overrides.py", f"\nOVERRIDES.update({BROKEN!r})\n")
    return infra


@pytest.fixture(scope="module")
def broken(broken_infra: Path) -> str:
    return refused(broken_infra)


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory: pytest.TempPathFactory) -> str:
    infra = copied(tmp_path_factory.mktemp("unpaired"))
    append(infra / "overrides.py", f"\nOVERRIDES.update({UNPAIRED!r})\n")
    append(infra / "__main__.py", LEAVING)
    return refused(infra)


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def refused(infra: Path) -> str:
    outcome = rehearse("prod", keys("prod"), infra, page=infra / PAGE)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    return outcome.stdout


def copied(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INFRA / "stackkit", folder / "infra/stackkit", ignore=ignored)
    return copy_program(folder / "infra")


@pytest.mark.parametrize(
    ("resource", "message", "fault"),
    [
        (
            "rehearsal-prod-isolated-2 (aws:ec2/subnet:Subnet)",
            "InvalidSubnet.Conflict: The CIDR '10.0.0.0/20' conflicts with another subnet",
            "CidrBlock = '10.0.0.0/20'",
        ),
        (
            "rehearsal-prod (aws:lb/targetGroup:TargetGroup)",
            "cannot be longer than '32' characters",
            f"Name = '{LONG}'",
        ),
        (
            "rehearsal-prod (aws:rds/instance:Instance)",
            "Cannot find version 19 for postgres",
            "EngineVersion = '19'",
        ),
        (
            "rehearsal-prod (aws:lb/loadBalancer:LoadBalancer)",
            f"{NOBODY} does not exist",
            f"SecurityGroups[0] = '{NOBODY}'",
        ),
        (
            "rehearsal-prod-page (aws:sns/topic:Topic)",
            "colour: nothing of the API takes it",
            "colour",
        ),
    ],
    ids=["overlapping range", "long name", "engine version", "dangling group", "made-up input"],
)
def test_a_refusal_names_resource_message_and_input(
    broken: str, resource: str, message: str, fault: str
) -> None:
    own = refusal(broken, resource)
    assert message in " ".join(own.split())
    assert fault in own


def refusal(shown: str, resource: str) -> str:
    """The lines under one resource's name."""
    after = shown.partition("\nRefused\n")[2].partition(f"  {resource}\n")[2]
    return re.split(r"\n(?! {4})", after)[0]


def test_what_a_policy_would_refuse_is_a_failed_check(unpaired: str) -> None:
    below = unpaired.partition("  no  the policies of `pulumi up`\n")[2]
    assert "rehearsal-prod: publiclyAccessible is true" in below
    assert "(database-private)" in below


def test_an_invalid_task_size_is_refused(unpaired: str) -> None:
    own = refusal(unpaired, "rehearsal-prod (aws:ecs/taskDefinition:TaskDefinition)")
    assert "No Fargate configuration exists for given values: 1024, 1000" in " ".join(own.split())
    assert "memory = '1000'" in own


def test_a_made_up_part_of_an_input_is_refused(unpaired: str) -> None:
    kind = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    own = refusal(unpaired, f"rehearsal-prod-symptoms ({kind})")
    assert "actionsSuppressor.colour: nothing of the API takes it" in own


def test_a_program_that_calls_aws_itself_reaches_nothing(unpaired: str) -> None:
    own = refusal(unpaired, "the program (raised)")
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:9/"' in " ".join(own.split())


def test_resources_that_do_not_depend_on_a_fault_are_created(broken: str) -> None:
    assert "cache rehearsal-prod-" in broken
    assert "Listener rehearsal-prod-https needs LoadBalancer rehearsal-prod" in broken


def test_check_that_could_not_run_is_not_reported_as_passed(broken: str) -> None:
    assert "--  security groups: who reaches whom (not judged: no balancers made)" in broken


def test_page_shows_refused_and_created_resources(broken: str, broken_infra: Path) -> None:
    page = (broken_infra / PAGE).read_text()
    assert "Cannot find version 19 for postgres" in page
    assert "EngineVersion = &#39;19&#39;" in page
    assert "not judged" in page
    assert "cache rehearsal-prod-" in page


@pytest.fixture(scope="module")
def miswired(tmp_path_factory: pytest.TempPathFactory) -> str:
    infra = copied(tmp_path_factory.mktemp("miswired"))
    resources = infra / "stackkit" / "resources"
    for name, right, wrong in (
        ("fargate.py", '"container_port": CONTAINER_PORT', '"container_port": 9000'),
        ("standalone_task.py", "ecs-tasks.amazonaws.com", "lambda.amazonaws.com"),
    ):
        text = (resources / name).read_text()
        assert right in text
        (resources / name).write_text(text.replace(right, wrong))
    return refused(infra)


def test_wrong_container_port_is_found_in_the_account(miswired: str) -> None:
    assert "requests go to port 9000, the container publishes 8000" in miswired
    assert "load balancer → service" in miswired
    assert "no rule lets port 9000 in" in miswired


def test_a_role_that_trusts_another_service_is_found(miswired: str) -> None:
    shown = " ".join(miswired.split())
    assert "does not trust ecs-tasks.amazonaws.com, which uses it" in shown
    assert "also trusts lambda.amazonaws.com" in shown


def test_refused_stack_shows_the_programs_message() -> None:
    outcome = rehearse("prod", {"domain": "api.example.com", "cache_replicas": "0"})
    assert outcome.returncode == 1
    assert "cache_replicas: production fails over to a replica" in outcome.stdout


def test_a_key_without_a_value_is_refused_before_anything_runs() -> None:
    command = [
        sys.executable,
        "-m",
        "stackkit.tools.rehearse",
        "--stack",
        "prod",
        "--set",
        "domain",
    ]
    outcome = subprocess.run(
        command,
        cwd=program_alone(),
        env=os.environ | {"PYTHONPATH": str(INFRA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert outcome.stderr == "domain: write it as KEY=VALUE.\n"
    assert outcome.stdout == ""
