"""A canary deployment, to the last look: pulumi is pretended, AWS answers by its models."""

import json
from datetime import timedelta

import pytest

import rollouts as aws
from delivering import DeployScenario, Session, answering

GROUPS = [
    aws.exported("", "new")["target_group"],
    aws.exported("", "new")["target_group"].replace("/shop-dev/1", "/shop-dev-alt/2"),
]
ALARM = "Service deployment rolled back because CloudWatch alarm shop-dev-errors fired."


def choose(scenario: DeployScenario, rollout: str) -> None:
    file = scenario.infra / "Pulumi.dev.yaml"
    file.write_text(f"{file.read_text()}  shop:rollout: {rollout}\n")


def updated(scenario: DeployScenario, url: str) -> None:
    """Up to the moment at which `pulumi up` has come back without an error."""

    def outputs(build: str) -> str:
        return json.dumps(aws.exported(url, build) | {"target_groups": GROUPS})

    aws.unlocked(scenario.session)
    later = [[["pulumi", "output"], outputs("new"), "", 0, None]]
    scenario.commands.answer("pulumi", "up", out="Updating (dev)\n", then=later)
    scenario.commands.answer("pulumi", "output", out=outputs("old"))
    aws.known(scenario.session, "new")


def deployed(session: Session, status: str, reason: str = "") -> None:
    """What ECS says of the newest deployment, and of the one before."""
    newest = {"status": status, "createdAt": aws.MOMENT}
    before = {"status": "SUCCESSFUL", "createdAt": aws.MOMENT - timedelta(days=1)}
    newest |= {"statusReason": reason} if reason else {}
    session.says("ecs", "list_service_deployments", {"serviceDeployments": [before, newest]})


def registered(session: Session, *states: tuple[str, ...]) -> None:
    for group, found in zip(GROUPS, states, strict=True):
        targets = [{"TargetHealth": {"State": state}} for state in found]
        answer = {"TargetHealthDescriptions": targets}
        session.says("elbv2", "describe_target_health", answer, TargetGroupArn=group)


def test_a_canary_is_waited_for_until_the_old_tasks_are_gone(scenario: DeployScenario) -> None:
    choose(scenario, "canary")
    session = scenario.session
    with answering(["new"]) as url:
        updated(scenario, url)
        for status in ("PENDING", "IN_PROGRESS", "SUCCESSFUL"):
            deployed(session, status)
        aws.service(session, aws.deployment("ecs-svc/5", 5))
        registered(session, ("draining",), ("healthy", "healthy"))
        aws.marked(session, "new")
        code, out, err = scenario.run("deploy")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"deploy: {url} runs new on 2 healthy targets"


def test_a_canary_that_an_alarm_took_back_is_a_failure_with_its_reason(
    scenario: DeployScenario,
) -> None:
    choose(scenario, "canary")
    updated(scenario, "http://127.0.0.1:9")
    deployed(scenario.session, "IN_PROGRESS")
    for _ in range(2):
        deployed(scenario.session, "ROLLBACK_SUCCESSFUL", ALARM)
    aws.evidence(scenario.session, "rolling back", "Task stopped")
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.startswith(f"The canary deployment was rolled back: ROLLBACK_SUCCESSFUL: {ALARM}\n")


def test_a_canary_of_another_version_is_not_taken_for_ours(scenario: DeployScenario) -> None:
    choose(scenario, "canary")
    session = scenario.session
    updated(scenario, "http://127.0.0.1:9")
    deployed(session, "SUCCESSFUL")
    aws.service(session, aws.deployment("ecs-svc/4", 4))
    deployed(session, "SUCCESSFUL")
    aws.evidence(session, "replaced", "Task stopped")
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.startswith("The deployment was rolled back: ecs-svc/4 is the primary one")


def test_a_canary_that_ends_the_update_is_named_beside_pulumis_own_words(
    scenario: DeployScenario,
) -> None:
    choose(scenario, "canary")
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=aws.exported("http://127.0.0.1:9", "old"))
    scenario.commands.answer("pulumi", "up", out=f"error: {ALARM}\n", code=255)
    deployed(scenario.session, "ROLLBACK_IN_PROGRESS", ALARM)
    aws.evidence(scenario.session, "rolling back", "Task stopped")
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert f"\ncanary deployment: ROLLBACK_IN_PROGRESS: {ALARM}\n" in err


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_the_group_that_serves_is_not_removed(scenario: DeployScenario, command: str) -> None:
    outputs = aws.exported("http://127.0.0.1:9", "new") | {"target_groups": GROUPS}
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=outputs)
    arguments = [command]
    if command == "rollback":
        aws.known(scenario.session, "old")
        arguments += ["--image", aws.DIGESTS["old"]]
    scenario.session.says(
        "elbv2",
        "describe_target_health",
        {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}]},
        TargetGroupArn=GROUPS[1],
    )
    code, _, err = scenario.run(*arguments)
    assert code == 1
    assert err == (
        "rollout: the last canary deployment has left the service in the target group that rolling"
        " removes; deploy once more with canary, then set rolling.\n"
    )
    assert scenario.commands.asked("pulumi", "up") == []
