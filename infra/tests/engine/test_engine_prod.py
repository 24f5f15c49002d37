"""A production stack: bootstrapped, guarded by policies, kept from being replaced or destroyed."""

import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from cloud import REGION
from engine.conftest import POLICIES, bucket, commit
from engine.delivery import built, deliver, deliver_ready
from engine.inventory import inventory
from engine.living import LivingStack
from engine.plans import PRODUCTION, replaced
from iam.requests import all_requests
from stackkit.tools.deploy.engine import LOCKED
from stackkit.tools.rehearse.engine.stack import CommandFailed
from test_iam import AWS_OWN, PROD, deployer, refused

PASSWORD = "correcthorsebatterystaple"
PUBLIC_DATABASE = """
OVERRIDES[("aws:rds/instance:Instance", "*")] = {"publiclyAccessible": True}
"""


@pytest.fixture(scope="module", params=["fargate", "ec2"])
def compute(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def new(new_stack: Callable[..., LivingStack], compute: str) -> LivingStack:
    """A stack in the bucket and with the key that `make bootstrap` makes."""
    keys = {"compute": compute, "allow_http": "true", "github_repository": "acme/shop"}
    stack = new_stack("prod", bootstrapped=True, **keys)
    stack.run("config", "set", "--stack", "prod", "--secret", "cache_password", PASSWORD)
    return stack


@pytest.fixture(scope="module")
def empty(new: LivingStack) -> set[str]:
    """What the account holds before the first `up`: the state's bucket and key, the repository."""
    return inventory(new.account.api, REGION)


@pytest.fixture(scope="module")
def policy_error(new: LivingStack, empty: set[str]) -> str:
    """What `make preview` says of a program that a policy forbids, before the first good one."""
    file = new.project / "overrides.py"
    program = file.read_text()
    file.write_text(program + PUBLIC_DATABASE)
    said = deliver(new, "preview", code=1)
    file.write_text(program)
    return said


@pytest.fixture(scope="module")
def first(new: LivingStack, policy_error: str) -> str:
    """The build that `make deploy` has brought."""
    build = built(new)
    assert f" runs {build} on " in deliver_ready(new, "deploy", build)
    return build


@pytest.fixture(scope="module")
def stack(new: LivingStack, first: str) -> LivingStack:
    return new


def test_a_policy_refuses_a_public_database(policy_error: str) -> None:
    assert "publiclyAccessible" in policy_error


def test_secrets_are_encrypted_in_the_state(stack: LivingStack) -> None:
    objects = list(_objects(stack))
    assert any(b"aws:rds/instance:Instance" in body for body in objects)
    assert not any(PASSWORD.encode() in body for body in objects)


def test_preview_refuses_what_would_replace_or_not_fit_what_runs(stack: LivingStack) -> None:
    stack.run("config", "set", "--stack", "prod", "--path", "instance_types[0]", "c8g.2xlarge")
    replacing = {"vpc_cidr": "10.1.0.0/16", "internal": "true", "zones": "2"}
    stack.set(**PRODUCTION.keys, **replacing, database_version="17")
    with pytest.raises(CommandFailed) as failed:
        stack.run("preview", "--stack", "prod")
    stack.set(vpc_cidr="10.0.0.0/16", internal="false", zones="3", database_version="18")
    for sentence in (
        'vpc_cidr: "10.1.0.0/16" instead of "10.0.0.0/16" would replace the database, the cache',
        "internal: true instead of false would replace the load balancer",
        "zones: the database or the cache may stand in one that goes",
        "database_version: 17 is older than 18",
        "set running_database_class to db.r8g.2xlarge until then",
        f"set fleet_max to {stack.outputs()['deployed']['largest_fleet']}, deploy",
    ):
        assert sentence in str(failed.value)


def test_a_commit_and_edits_of_every_kind_change_what_their_plan_says(
    stack: LivingStack, compute: str
) -> None:
    commit(stack.project.parent)
    fleet = str(stack.outputs()["deployed"]["largest_fleet"])
    stack.set(running_database_class="db.r8g.2xlarge", fleet_max=fleet)
    changes = stack.up(*POLICIES)
    assert replaced(changes) == []
    assert list(map(str, changes)) == PRODUCTION.plan(compute, "prod")


def test_an_update_during_another_is_refused_in_one_sentence(stack: LivingStack) -> None:
    running = stack.start("up", "--yes", "--skip-preview", "--stack", "prod")
    while running.poll() is None and not list(_objects(stack, ".pulumi/locks/")):
        time.sleep(0.05)
    with pytest.raises(CommandFailed) as failed:
        stack.up()
    assert any(phrase in str(failed.value) for phrase in LOCKED)
    said = deliver(stack, "deploy", code=1)
    assert said.startswith("Stack prod is locked by ")
    assert said.count("\n") == 1
    output, _ = running.communicate()
    assert running.returncode == 0
    assert "unchanged" in output


def test_a_rollback_brings_back_the_build_before(stack: LivingStack, first: str) -> None:
    assert f" runs {first} on " in deliver_ready(stack, "rollback", first)


def test_there_is_no_drift(stack: LivingStack) -> None:
    deliver(stack, "drift")


def test_destroy_is_refused_before_anything_is_deleted(stack: LivingStack) -> None:
    before = inventory(stack.account.api, REGION)
    with pytest.raises(CommandFailed, match="because it is protected"):
        stack.run("destroy", "--yes", "--stack", "prod")
    assert inventory(stack.account.api, REGION) == before


def test_a_stack_that_becomes_dev_can_be_destroyed_and_made_again(
    stack: LivingStack, empty: set[str]
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


def once_used(stack: LivingStack) -> set[str]:
    snapshot = stack.inputs("aws:rds/instance:Instance")["finalSnapshotIdentifier"]
    cache = stack.inputs("aws:elasticache/user:User")["userId"]
    users = stack.inputs("aws:elasticache/userGroup:UserGroup")["userGroupId"]
    return {snapshot, cache, users}


def test_a_deployer_may_make_each_call_of_this_life(stack: LivingStack) -> None:
    calls = stack.account.calls()
    done = {call.operation for call in calls}
    assert {"CreateVpc", "ModifyDBInstance", "DeleteDBInstance"} <= done
    assert refused(list(all_requests(calls, PROD)), deployer(PROD, calls), AWS_OWN) == []


def _objects(stack: LivingStack, prefix: str = ".pulumi/") -> Iterator[bytes]:
    """What lies in the state's bucket."""
    session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    s3 = session.client("s3", endpoint_url=stack.account.api)
    for entry in s3.list_objects_v2(Bucket=bucket("prod"), Prefix=prefix).get("Contents", ()):
        yield s3.get_object(Bucket=bucket("prod"), Key=entry["Key"])["Body"].read()
