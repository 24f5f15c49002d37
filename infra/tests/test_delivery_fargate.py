"""An update of a stack on Fargate: pulumi is pretended, AWS answers by its own models."""

import json

import pytest
import yaml

import rollouts as aws
from delivering import DeployScenario, answering


def updated(scenario: DeployScenario, url: str, before: str = "old") -> None:
    """Up to the moment at which `pulumi up` has come back without an error."""
    aws.unlocked(scenario.session)
    later = [[["pulumi", "output"], json.dumps(aws.exported(url, "new")), "", 0, None]]
    scenario.commands.answer("pulumi", "up", out="Updating (dev)\n", then=later)
    scenario.commands.answer("pulumi", "output", out=aws.exported(url, before) if before else {})
    aws.known(scenario.session, "new")


@pytest.mark.parametrize("before", ["old", ""], ids=["the next one", "the first one"])
def test_an_update_is_one_run_of_pulumi_and_seen_from_outside(
    scenario: DeployScenario, before: str
) -> None:
    session = scenario.session
    with answering(["old", "new", "old", "new"]) as url:
        updated(scenario, url, before)
        new = aws.deployment("ecs-svc/5", 5, "IN_PROGRESS")
        old = aws.deployment("ecs-svc/4", 4, status="ACTIVE")
        for _ in range(2):
            aws.service(session, new, old)
        aws.service(session, aws.deployment("ecs-svc/5", 5), old)
        aws.healthy(session, "healthy", "initial", "draining")
        aws.healthy(session, "healthy", "healthy", "draining")
        aws.marked(session, "new")
        code, out, err = scenario.run("deploy")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"deploy: {url} runs new on 2 healthy targets"
    [up] = scenario.commands.asked("pulumi", "up")
    # the stack's own file: it builds the image
    assert "--config-file" not in up.arguments
    assert {"--yes", "--refresh", "--policy-pack"} <= set(up.arguments)
    assert up.backend == "s3://shop-dev-state-123456789012-eu-west-1?region=eu-west-1"


def test_an_image_of_the_repository_is_deployed_by_its_digest(scenario: DeployScenario) -> None:
    with answering(["new"]) as url:
        aws.known(scenario.session, "new")
        updated(scenario, url)
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(scenario.session, "healthy")
        aws.marked(scenario.session, "new")
        assert scenario.run("deploy", "--image", aws.DIGESTS["new"])[0] == 0
    [up] = scenario.commands.asked("pulumi", "up")
    values = yaml.safe_load(up.config)["config"]
    assert values["shop:image"] == aws.uri("new")
    assert values["shop:cache_password"] == {"secure": "v1:sealed"}
    assert scenario.commands.asked("docker") == []


def test_an_image_of_another_registry_may_answer_with_any_build(scenario: DeployScenario) -> None:
    elsewhere = aws.exported("", "new") | {"image": f"public.test/shop@{aws.DIGESTS['new']}"}
    with answering(["theirs"]) as url:
        aws.unlocked(scenario.session)
        scenario.commands.answer("pulumi", "up")
        scenario.commands.answer("pulumi", "output", out=elsewhere | {"url": url})
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(scenario.session, "healthy")
        code, out, _ = scenario.run("deploy")
    assert code == 0
    assert f"{url} runs public.test/shop@" in out


@pytest.fixture
def rolled_out(scenario: DeployScenario) -> DeployScenario:
    updated(scenario, "http://127.0.0.1:9")
    return scenario


def test_a_deployment_that_was_taken_back_is_a_failure_though_the_service_is_stable(
    rolled_out: DeployScenario,
) -> None:
    session = rolled_out.session
    aws.service(session, aws.deployment("ecs-svc/6", 4))
    aws.evidence(session, "(deployment ecs-svc/5) rolling back", "Task failed", "KeyError: 'x'")
    code, _, err = rolled_out.run("deploy")
    assert code == 1
    assert err.splitlines() == [
        "The deployment was rolled back: ecs-svc/6 is the primary one and runs shop-dev:4, not"
        " shop-dev:5.",
        "event 03:04:05: (deployment ecs-svc/5) rolling back",
        "task 0a1b: Task failed; app exited with 1",
        "log app/app/0a1b:",
        "  KeyError: 'x'",
    ]


def test_a_deployment_that_fails_while_it_is_watched_is_named_with_its_reason(
    rolled_out: DeployScenario,
) -> None:
    session = rolled_out.session
    aws.service(session, aws.deployment("ecs-svc/5", 5, "IN_PROGRESS"))
    aws.service(
        session,
        aws.deployment("ecs-svc/6", 4, "IN_PROGRESS"),
        aws.deployment("ecs-svc/5", 5, "FAILED", "ACTIVE", "tasks failed to start."),
    )
    aws.evidence(session, "rolling back", "Task failed")
    code, _, err = rolled_out.run("deploy")
    assert code == 1
    assert err.startswith("Deployment ecs-svc/5 failed: tasks failed to start.\n")


def test_a_deployment_that_somebody_replaces_meanwhile_is_not_taken_for_ours(
    rolled_out: DeployScenario,
) -> None:
    session = rolled_out.session
    aws.service(session, aws.deployment("ecs-svc/5", 5, "IN_PROGRESS"))
    aws.service(session, aws.deployment("ecs-svc/7", 9))
    aws.evidence(session, "replaced", "Task stopped")
    code, _, err = rolled_out.run("deploy")
    assert code == 1
    assert err.startswith("Deployment ecs-svc/5 was replaced by ecs-svc/7.\n")


@pytest.mark.parametrize(
    ("event", "hint"),
    [
        ("has started 1 tasks", ""),
        (
            "was unable to place a task. Reason: Capacity is unavailable at this time.",
            " AWS has no capacity for it now: try again",
        ),
    ],
    ids=["stuck", "no capacity"],
)
def test_a_deployment_without_an_end_is_given_up_after_half_an_hour(
    rolled_out: DeployScenario, event: str, hint: str
) -> None:
    session = rolled_out.session
    for _ in range(1800 // 10 + 2):
        aws.service(session, aws.deployment("ecs-svc/5", 5, "IN_PROGRESS"))
    aws.evidence(session, event, "Task stopped")
    started = rolled_out.clock.now
    code, _, err = rolled_out.run("deploy")
    assert code == 1
    assert err.startswith(
        f"Deployment ecs-svc/5 is not complete after 30 minutes: 1 of 2 tasks run.{hint}"
    )
    assert rolled_out.clock.now - started == 1800


def test_a_failed_update_shows_the_service_beside_pulumis_own_words(
    scenario: DeployScenario,
) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=aws.exported("http://127.0.0.1:9", "old"))
    scenario.commands.answer("pulumi", "up", out="error: 1 error occurred\n", code=255)
    aws.evidence(scenario.session, "unable to pull", "CannotPullContainerError", "nothing")
    code, out, err = scenario.run("deploy")
    assert code == 1
    assert "error: 1 error occurred" in out
    assert err.startswith("`pulumi up` failed; its last lines above say why.\nevent ")
    assert "CannotPullContainerError" in err


@pytest.mark.parametrize("key", ["internal: true", "allow_from: [203.0.113.0/24]"])
def test_an_address_out_of_reach_is_said_to_be_not_checked(
    scenario: DeployScenario, key: str
) -> None:
    url = "http://127.0.0.1:9"
    told, code = deployed_with(scenario, key, url)
    name = key.partition(":")[0]
    assert code == 0
    assert told.splitlines()[-2:] == [
        f"deploy: not checked that {url}/ready answers: {name} keeps it out of reach from here",
        f"deploy: {url} runs new on 1 healthy targets",
    ]


def test_an_internal_address_within_reach_is_checked(scenario: DeployScenario) -> None:
    with answering(["old", "new"]) as url:
        told, code = deployed_with(scenario, "internal: true", url)
    assert (code, "not checked" in told) == (0, False)


def deployed_with(scenario: DeployScenario, key: str, url: str) -> tuple[str, int]:
    with (scenario.infra / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  shop:{key}\n")
    updated(scenario, url)
    for _ in range(2):
        aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
    aws.healthy(scenario.session, "healthy")
    aws.marked(scenario.session, "new")
    code, out, _ = scenario.run("deploy")
    return out, code


def test_another_build_at_the_public_address_is_a_failure(scenario: DeployScenario) -> None:
    session = scenario.session
    with answering(["another"]) as url:
        updated(scenario, url)
        for _ in range(2):
            aws.service(session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(session, "healthy")
        aws.evidence(session, "steady", "Task stopped")
        code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.startswith(f"{url}/ready doesn't answer with new: ready, build another.\n")


def test_targets_that_stay_unhealthy_are_a_failure(rolled_out: DeployScenario) -> None:
    session = rolled_out.session
    for _ in range(2):
        aws.service(session, aws.deployment("ecs-svc/5", 5))
    for _ in range(1800 // 10 + 1):
        aws.healthy(session, "healthy", "unhealthy")
    aws.evidence(session, "unhealthy", "Task failed ELB health checks")
    code, _, err = rolled_out.run("deploy")
    assert code == 1
    assert err.startswith(
        "The load balancer's targets are not all healthy: 1 healthy, 1 unhealthy.\n"
    )
