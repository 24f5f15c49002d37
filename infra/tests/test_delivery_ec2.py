"""An update of a stack on EC2: the refresh that replaces the instances."""

import json
from typing import Any

import pytest

import rollouts as aws
from cloud import REGION
from delivering import DeployScenario, Session, answering, make_project


@pytest.fixture
def infra(infra: Any, tmp_path: Any) -> Any:
    return make_project(tmp_path / "on-ec2", compute="ec2")


def instances(session: Session, *versions: str, state: str = "InService") -> None:
    template = {"LaunchTemplateId": "lt-1234567890"}
    entries = [
        {
            "InstanceId": f"i-{number}",
            "LifecycleState": state,
            "AvailabilityZone": f"{REGION}a",
            "HealthStatus": "Healthy",
            "ProtectedFromScaleIn": False,
            "LaunchTemplate": template | {"Version": version},
        }
        for number, version in enumerate(versions)
    ]
    group = {
        "AutoScalingGroupName": "shop-dev",
        "MinSize": 1,
        "MaxSize": 2,
        "DesiredCapacity": 1,
        "DefaultCooldown": 0,
        "AvailabilityZones": [f"{REGION}a"],
        "HealthCheckType": "ELB",
        "CreatedTime": aws.MOMENT,
        "Instances": entries,
    }
    session.says("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroups": [group]})


def refresh(session: Session, status: str, reason: str = "") -> None:
    newest = {"InstanceRefreshId": "refresh-2", "Status": status}
    newest |= {"StatusReason": reason} if reason else {}
    session.says(
        "autoscaling",
        "describe_instance_refreshes",
        {"InstanceRefreshes": [newest]},
        AutoScalingGroupName="shop-dev",
        MaxRecords=1,
    )


def evidence(session: Session, description: str, message: str, *lines: str) -> None:
    activity = {
        "ActivityId": "1",
        "AutoScalingGroupName": "shop-dev",
        "Cause": "a refresh",
        "StartTime": aws.MOMENT,
        "StatusCode": "Failed",
        "Description": description,
        "StatusMessage": message,
    }
    session.says("autoscaling", "describe_scaling_activities", {"Activities": [activity]})
    session.says("logs", "describe_log_streams", {"logStreams": [{"logStreamName": "c0ffee"}]})
    session.says("logs", "get_log_events", {"events": [{"message": line} for line in lines]})


def deployed_before(scenario: DeployScenario, url: str) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=aws.exported(url, "old", "ec2"))
    later = json.dumps(aws.exported(url, "new", "ec2"))
    scenario.commands.answer("pulumi", "up", then=[[["pulumi", "output"], later, "", 0, None]])
    aws.known(scenario.session, "new")


def test_all_instances_are_replaced_and_seen_from_outside(scenario: DeployScenario) -> None:
    session = scenario.session
    with answering(["new"]) as url:
        deployed_before(scenario, url)
        refresh(session, "InProgress")
        instances(session, "4", "5")
        refresh(session, "Successful")
        instances(session, "5", "5")
        aws.healthy(session, "healthy", "healthy")
        aws.marked(session, "new")
        code, out, err = scenario.run("deploy")
    assert (code, err) == (0, "")
    assert out.endswith(f"{url} runs new on 2 healthy targets\n")


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "RollbackInProgress", "RollbackFailed"])
def test_a_refresh_that_was_taken_back_is_a_failure(scenario: DeployScenario, status: str) -> None:
    session = scenario.session
    deployed_before(scenario, "http://127.0.0.1:9")
    refresh(session, status, "An alarm went off.")
    instances(session, "4", "4")
    evidence(session, "Terminating i-9", "went out", "KeyError: 'x'")
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.splitlines() == [
        f"Instance refresh refresh-2 is {status}: An alarm went off.",
        "activity 03:04:05: Terminating i-9 went out",
        "log c0ffee:",
        "  KeyError: 'x'",
    ]


def test_a_refresh_of_yesterday_that_failed_does_not_condemn_a_fleet_that_is_new(
    scenario: DeployScenario,
) -> None:
    session = scenario.session
    with answering(["new"]) as url:
        deployed_before(scenario, url)
        refresh(session, "RollbackSuccessful")
        instances(session, "5")
        instances(session, "5")
        aws.healthy(session, "healthy")
        aws.marked(session, "new")
        assert scenario.run("deploy")[0] == 0


def test_a_refresh_without_an_end_is_given_up_after_half_an_hour(scenario: DeployScenario) -> None:
    session = scenario.session
    deployed_before(scenario, "http://127.0.0.1:9")
    for _ in range(1800 // 10 + 1):
        refresh(session, "InProgress")
        instances(session, "4", "5")
    evidence(session, "Launching", "We currently do not have sufficient c7g.medium capacity in")
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.startswith(
        "After 30 minutes 1 instances still run the old version. AWS has no capacity for it now"
    )
