"""ECS Exec: tasks that take a shell, and the log of what was typed."""

import json

import pytest

from harness import Run, keys, run, stack

AGENT = ["/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"]


@pytest.fixture(scope="module")
def made() -> Run:
    return run("prod", keys("prod") | {"exec": "true"})


def test_tasks_take_a_shell_and_its_words_go_to_a_log(made: Run) -> None:
    cluster = made.one("aws:ecs/cluster:Cluster").inputs
    [group] = [
        g for g in made.all("aws:cloudwatch/logGroup:LogGroup") if g.name == "shop-prod-exec"
    ]
    assert group.inputs["retentionInDays"] == 30
    assert cluster["configuration"]["executeCommandConfiguration"] == {
        "logging": "OVERRIDE",
        "logConfiguration": {"cloudWatchLogGroupName": "shop-prod-exec-0123456"},
    }
    assert made.one("aws:ecs/service:Service").inputs["enableExecuteCommand"] is True


def test_only_what_the_agent_writes_can_be_written(made: Run) -> None:
    task = made.service_task().inputs
    app, collector = json.loads(task["containerDefinitions"])
    assert [mount["containerPath"] for mount in app["mountPoints"]] == AGENT
    names = [volume["name"] for volume in task["volumes"]]
    assert [mount["sourceVolume"] for mount in app["mountPoints"]] == names
    assert (app["readonlyRootFilesystem"], "mountPoints" in collector) == (True, False)


def test_the_task_role_may_open_channels_and_write_that_log_alone(made: Run) -> None:
    policy = made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-task").inputs["policy"]
    given = {
        action: resource
        for statement in json.loads(policy)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    assert given["ssmmessages:OpenDataChannel"] == "*"
    assert given["logs:DescribeLogStreams"].endswith("logGroup/shop-prod-exec:*")


def test_without_the_key_no_task_takes_a_shell() -> None:
    made = stack("prod")
    assert "enableExecuteCommand" not in made.one("aws:ecs/service:Service").inputs
    assert "configuration" not in made.one("aws:ecs/cluster:Cluster").inputs
    assert (
        "ssmmessages"
        not in made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-task").inputs["policy"]
    )
