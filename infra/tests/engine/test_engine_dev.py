"""The life of a development stack: made, changed key by key, and deleted without a trace."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from cloud import REGION
from engine.conftest import POLICIES, commit
from engine.delivery import built, deliver, deliver_ready
from engine.inventory import inventory
from engine.living import LivingStack
from engine.plans import BROKEN_IMAGE, EDITS, Edit, replaced
from stackkit.tools.rehearse.engine.stack import CommandFailed

SERVICE = {"fargate": "aws:ecs/service:Service", "ec2": "aws:autoscaling/group:Group"}


@pytest.fixture(scope="module", params=["fargate", "ec2"])
def compute(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def new(new_stack: Callable[..., LivingStack], compute: str) -> LivingStack:
    """As generated: no key but the kind of compute is set."""
    return new_stack("dev", compute=compute)


@pytest.fixture(scope="module")
def empty(new: LivingStack) -> set[str]:
    """What the account held before the first `up`."""
    return inventory(new.account.api, REGION)


@pytest.fixture(scope="module")
def stack(new: LivingStack, empty: set[str]) -> LivingStack:
    created = new.up(*POLICIES)
    assert {change.operation for change in created} == {"create"}
    return new


def test_a_second_up_changes_nothing(stack: LivingStack) -> None:
    assert stack.up() == []


def test_secrets_are_encrypted_in_the_state(stack: LivingStack) -> None:
    session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    secrets: Any = session.client("secretsmanager", endpoint_url=stack.account.api)
    [name] = [e["Name"] for e in secrets.list_secrets()["SecretList"] if "cache" in e["Name"]]
    password = secrets.get_secret_value(SecretId=name)["SecretString"]
    files = [file.read_text() for file in (stack.home / "state").rglob("*.json")]
    assert any("aws:rds/instance:Instance" in file for file in files)
    assert not any(password in file for file in files)


def test_a_stack_that_does_not_exist_is_refused_in_one_sentence(stack: LivingStack) -> None:
    file = stack.project / "Pulumi.dev.yaml"
    file.with_name("Pulumi.other.yaml").write_text(file.read_text())
    assert deliver(replace(stack, name="other"), "run", "true", code=1) == (
        f"There is no stack other in {stack.backend}: `make bootstrap STACK=other`.\n"
    )


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_edited_key_changes_the_planned_resources(
    stack: LivingStack, edit: Edit, compute: str
) -> None:
    stack.set(**edit.values(compute)) if edit.keys else commit(stack.project.parent)
    changes = stack.up()
    assert replaced(changes) == []
    assert list(map(str, changes)) == edit.plan(compute)


def test_deployments_leave_the_size_of_the_fleet_to_its_scaling(stack: LivingStack) -> None:
    largest = stack.outputs()["deployed"]["largest_fleet"]
    # out, and in again; a change of spot_percent forces a deployment
    for size, spot in ((largest, "40"), (1, "60")):
        scale(stack, size)
        stack.refresh()
        stack.set(spot_percent=spot)
        assert replaced(stack.up()) == []
        assert fleet_size(stack) == size
    scaling: Any = client(stack, "application-autoscaling")
    for target in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        assert not any(target.get("SuspendedState", {}).values())


def client(stack: LivingStack, service: str) -> Any:
    session: Any = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    return session.client(service, endpoint_url=stack.account.api)


def scale(stack: LivingStack, size: int) -> None:
    """As a scaling policy does."""
    found = stack.outputs()
    if "group" in found:
        groups = client(stack, "autoscaling")
        groups.set_desired_capacity(AutoScalingGroupName=found["group"], DesiredCapacity=size)
    else:
        client(stack, "ecs").update_service(
            cluster=found["cluster"], service=found["service"], desiredCount=size
        )


def fleet_size(stack: LivingStack) -> int:
    found = stack.outputs()
    if "group" in found:
        [group] = client(stack, "autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[found["group"]]
        )["AutoScalingGroups"]
        return group["DesiredCapacity"]
    [service] = client(stack, "ecs").describe_services(
        cluster=found["cluster"], services=[found["service"]]
    )["services"]
    return service["desiredCount"]


def test_a_failed_migration_ends_the_update_before_the_service(
    stack: LivingStack, compute: str
) -> None:
    before, ran = stack.inputs(SERVICE[compute]), stack.outputs()["deployments"]
    stack.set(image=BROKEN_IMAGE)
    with pytest.raises(CommandFailed, match="`alembic upgrade head` exited with 1"):
        stack.up()
    assert stack.inputs(SERVICE[compute]) == before
    assert stack.outputs()["deployments"] == ran
    stack.set(image="")
    assert replaced(stack.up()) == []


def test_a_rollback_after_two_plain_ups_brings_back_the_build_of_the_first(
    stack: LivingStack,
) -> None:
    builds: list[str] = []
    for _ in range(2):
        commit(stack.project.parent)
        stack.up()
        builds.append(built(stack))
    assert f" runs {builds[0]} on " in deliver_ready(stack, "rollback", builds[0])
    # the folder's again
    stack.up()


def test_refresh_finds_no_drift(stack: LivingStack) -> None:
    assert stack.refresh() == []


def test_up_repairs_changes_and_deletions_made_outside_pulumi(stack: LivingStack) -> None:
    session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    database: Any = session.client("rds", endpoint_url=stack.account.api)
    [instance] = database.describe_db_instances()["DBInstances"]
    database.modify_db_instance(
        DBInstanceIdentifier=instance["DBInstanceIdentifier"], DBInstanceClass="db.t4g.large"
    )
    alarms: Any = session.client("cloudwatch", endpoint_url=stack.account.api)
    [alarm] = alarms.describe_alarms(AlarmNamePrefix="shop-dev-errors")["MetricAlarms"]
    alarms.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    assert list(map(str, stack.refresh())) == [
        "delete aws:cloudwatch/metricAlarm:MetricAlarm shop-dev-errors",
        "update aws:rds/instance:Instance shop-dev instanceClass",
    ]
    stack.up()
    [repaired] = database.describe_db_instances()["DBInstances"]
    assert repaired["DBInstanceClass"] == instance["DBInstanceClass"]
    assert stack.refresh() == []


def test_destroy_leaves_the_account_as_it_was(stack: LivingStack, empty: set[str]) -> None:
    full = inventory(stack.account.api, REGION)
    stack.destroy()
    assert inventory(stack.account.api, REGION) - empty == set()
    assert len(full - empty) > 50
