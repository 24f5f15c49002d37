"""A production stack: bootstrapped, guarded by policies, kept from being replaced or destroyed."""

import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from engine.conftest import POLICIES, REGION, bucket
from engine.inventory import inventory
from engine.plans import IMAGE, replaced
from stackkit.tools.rehearse.engine.stack import CommandFailed, EngineStack

PASSWORD = "correcthorsebatterystaple"
EDITS = {
    "image": IMAGE,
    "log_days": "60",
    "task_cpu": "2048",
    "task_memory_mib": "4096",
    "peak_in_flight": "40000",
    "spot_percent": "50",
    "database_class": "db.r8g.4xlarge",
    "cache_class": "cache.r7g.xlarge",
}
PUBLIC_DATABASE = """
OVERRIDES[("aws:rds/instance:Instance", "*")] = {"publiclyAccessible": True}
"""


@pytest.fixture(scope="module", params=["fargate", "ec2"])
def new(new_stack: Callable[..., EngineStack], request: pytest.FixtureRequest) -> EngineStack:
    """A stack in the bucket and with the key that `make bootstrap` makes."""
    stack = new_stack("prod", bootstrapped=True, compute=request.param, allow_http="true")
    stack.run("config", "set", "--stack", "prod", "--secret", "cache_password", PASSWORD)
    return stack


@pytest.fixture(scope="module")
def empty(new: EngineStack) -> set[str]:
    """What the account holds before the first `up`: the state's bucket and key, the repository."""
    return inventory(new.account.api, REGION)


@pytest.fixture(scope="module")
def refused(new: EngineStack, empty: set[str]) -> str:
    """What `up` says of a program that a policy forbids; it runs before the first good one."""
    file = new.project / "overrides.py"
    program = file.read_text()
    file.write_text(program + PUBLIC_DATABASE)
    with pytest.raises(CommandFailed) as failed:
        new.run("up", "--yes", "--stack", "prod", *POLICIES)
    file.write_text(program)
    assert inventory(new.account.api, REGION) == empty
    return str(failed.value)


@pytest.fixture(scope="module")
def stack(new: EngineStack, refused: str) -> EngineStack:
    created = new.up(*POLICIES)
    assert {change.operation for change in created} == {"create"}
    return new


def test_a_policy_refuses_a_public_database_before_anything_is_made(refused: str) -> None:
    assert "publiclyAccessible" in refused


def test_a_second_up_changes_nothing(stack: EngineStack) -> None:
    assert stack.up(*POLICIES) == []


def test_secrets_are_encrypted_in_the_state(stack: EngineStack) -> None:
    objects = list(_objects(stack))
    assert any(b"aws:rds/instance:Instance" in body for body in objects)
    assert not any(PASSWORD.encode() in body for body in objects)


def test_preview_refuses_a_plan_that_does_not_fit_the_running_database(stack: EngineStack) -> None:
    stack.run("config", "set", "--stack", "prod", "--path", "instance_types[0]", "c8g.2xlarge")
    stack.set(**EDITS, database_version="17")
    with pytest.raises(CommandFailed) as refused:
        stack.run("preview", "--stack", "prod")
    stack.set(database_version="18")
    for sentence in (
        "database_version: 17 is older than 18",
        "set running_database_class to db.r8g.2xlarge until then",
        f"set fleet_max to {stack.outputs()['deployed']['largest_fleet']}, deploy",
    ):
        assert sentence in str(refused.value)


def test_edits_of_every_kind_at_once_replace_nothing_that_holds_data_or_an_address(
    stack: EngineStack,
) -> None:
    fleet = str(stack.outputs()["deployed"]["largest_fleet"])
    stack.set(**EDITS, running_database_class="db.r8g.2xlarge", fleet_max=fleet)
    changes = stack.up(*POLICIES)
    assert replaced(changes) == []
    assert {"aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"} <= {
        change.type for change in changes
    }


def test_refresh_finds_no_drift(stack: EngineStack) -> None:
    assert stack.refresh() == []


def test_an_up_during_another_is_refused(stack: EngineStack) -> None:
    first = stack.start("up", "--yes", "--skip-preview", "--stack", "prod")
    while first.poll() is None and not list(_objects(stack, ".pulumi/locks/")):
        time.sleep(0.05)
    with pytest.raises(CommandFailed, match="the stack is currently locked by 1 lock"):
        stack.up()
    first.communicate()
    assert first.returncode == 0


def test_destroy_is_refused_before_anything_is_deleted(stack: EngineStack) -> None:
    before = inventory(stack.account.api, REGION)
    with pytest.raises(CommandFailed, match="because it is protected"):
        stack.run("destroy", "--yes", "--stack", "prod")
    assert inventory(stack.account.api, REGION) == before


def test_a_stack_that_becomes_dev_can_be_destroyed_and_made_again(
    stack: EngineStack, empty: set[str]
) -> None:
    names = once_used(stack)
    s3 = boto3.Session("rehearsal", "rehearsal", region_name=REGION).client(
        "s3", endpoint_url=stack.account.api
    )
    logs = stack.inputs("aws:lb/loadBalancer:LoadBalancer")["accessLogs"]["bucket"]
    s3.put_object(Bucket=logs, Key="AWSLogs/1.gz", Body=b"a full bucket")
    stack.set(tier="dev")
    stack.up()
    stack.destroy()
    assert inventory(stack.account.api, REGION) - empty == set()
    stack.set(tier="prod")
    assert {change.operation for change in stack.up(*POLICIES)} == {"create"}
    # AWS still has those of the first life: a snapshot for ever, a user for minutes
    assert names & once_used(stack) == set()


def once_used(stack: EngineStack) -> set[str]:
    snapshot = stack.inputs("aws:rds/instance:Instance")["finalSnapshotIdentifier"]
    cache = stack.inputs("aws:elasticache/user:User")["userId"]
    users = stack.inputs("aws:elasticache/userGroup:UserGroup")["userGroupId"]
    return {snapshot, cache, users}


def _objects(stack: EngineStack, prefix: str = ".pulumi/") -> Iterator[bytes]:
    """What lies in the state's bucket."""
    session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    s3 = session.client("s3", endpoint_url=stack.account.api)
    for entry in s3.list_objects_v2(Bucket=bucket("prod"), Prefix=prefix).get("Contents", ()):
        yield s3.get_object(Bucket=bucket("prod"), Key=entry["Key"])["Body"].read()
