"""A commit's way onto Fargate: docker and pulumi are pretended, AWS answers by its own models."""

import json

import pytest
import yaml

import rollouts as aws
from delivering import DeployScenario, answering


def deployed_before(scenario: DeployScenario, url: str, after: str = "new") -> None:
    """Build "old" runs; `pulumi up` brings the other."""
    aws.unlocked(scenario.session)
    update(scenario, url, after)
    scenario.commands.answer("pulumi", "output", out=aws.exported(url, "old"))


def update(scenario: DeployScenario, url: str, after: str = "new") -> None:
    later = [[["pulumi", "output"], json.dumps(aws.exported(url, after)), "", 0, None]]
    scenario.commands.answer("pulumi", "up", out="Updating (dev)\n", then=later)


def test_a_commit_is_built_migrated_rolled_out_and_seen_from_outside(
    scenario: DeployScenario,
) -> None:
    session = scenario.session
    with answering(["old", scenario.commit, "old", scenario.commit]) as url:
        deployed_before(scenario, url)
        aws.built(scenario)
        aws.migrated(session)
        new = aws.deployment("ecs-svc/5", 5, "IN_PROGRESS")
        old = aws.deployment("ecs-svc/4", 4, status="ACTIVE")
        for _ in range(2):
            aws.service(session, new, old)
        aws.service(session, aws.deployment("ecs-svc/5", 5), old)
        aws.healthy(session, "healthy", "initial", "draining")
        aws.healthy(session, "healthy", "healthy", "draining")
        code, out, err = scenario.run("deploy")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        f"deploy: {url} runs build {scenario.commit} on 2 healthy targets"
    )
    [up] = scenario.commands.asked("pulumi", "up")
    assert yaml.safe_load(up.config)["config"]["shop:image"] == aws.uri("new")
    assert yaml.safe_load(up.config)["config"]["shop:cache_password"] == {"secure": "v1:sealed"}
    assert up.backend == "s3://shop-dev-state-123456789012-eu-west-1?region=eu-west-1"
    assert "--policy-pack" in up.arguments


def test_the_image_is_of_the_commit_for_the_stacks_processor(scenario: DeployScenario) -> None:
    with answering([scenario.commit]) as url:
        deployed_before(scenario, url)
        aws.built(scenario)
        aws.migrated(scenario.session)
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(scenario.session, "healthy")
        assert scenario.run("deploy")[0] == 0
    [login] = scenario.commands.asked("docker", "login")
    assert login.handed == "sesame"
    assert "sesame" not in login.arguments
    [built] = scenario.commands.asked("docker", "buildx")
    for wanted in (
        "linux/arm64",
        f"{aws.REPOSITORY}:{scenario.commit}-arm64",
        f"BUILD_ID={scenario.commit}",
        f"--label=org.opencontainers.image.revision={scenario.commit}",
    ):
        assert wanted in built.arguments


def test_a_commit_that_has_its_image_needs_no_docker(scenario: DeployScenario) -> None:
    scenario.commands.answer("docker", error="no docker here", code=1)
    with answering([scenario.commit]) as url:
        deployed_before(scenario, url)
        aws.registry(scenario.session)
        aws.stored(scenario.session, "new", f"{scenario.commit}-arm64")
        aws.migrated(scenario.session)
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(scenario.session, "healthy")
        code, out, _ = scenario.run("deploy")
    assert code == 0
    assert f"commit {scenario.commit} has its image already" in out
    assert scenario.commands.asked("docker") == []


def test_the_first_deployment_makes_the_database_before_it_is_migrated(
    scenario: DeployScenario,
) -> None:
    session = scenario.session
    with answering([scenario.commit]) as url:
        aws.unlocked(session)
        update(scenario, url, "old")  # the task definition that is migrated with
        scenario.commands.answer("pulumi", "output", out={})
        aws.built(scenario)
        aws.migrated(session)
        for _ in range(2):
            aws.service(session, aws.deployment("ecs-svc/4", 4))
        aws.healthy(session, "healthy")
        assert scenario.run("deploy")[0] == 0
    updates = [
        yaml.safe_load(up.config)["config"] for up in scenario.commands.asked("pulumi", "up")
    ]
    # a service without tables must be allowed to fail, and no other
    assert [update["shop:guarded"] for update in updates] == [False, True]
    assert {update["shop:image"] for update in updates} == {aws.uri("new")}


def test_a_failed_migration_stops_before_anything_is_rolled_out(scenario: DeployScenario) -> None:
    deployed_before(scenario, "http://127.0.0.1:9")
    aws.built(scenario)
    aws.task_starts(scenario.session)
    aws.task_ends(scenario.session, 1)
    aws.logged(
        scenario.session, "INFO  Running upgrade 0001 -> 0002", 'column "price" does not exist'
    )
    aws.definition_goes(scenario.session)
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.splitlines() == [
        "The migration failed; nothing was rolled out.",
        "task 0a1b: Essential container exited; app exited with 1",
        "log app/app/0a1b:",
        "  INFO  Running upgrade 0001 -> 0002",
        '  column "price" does not exist',
    ]
    assert scenario.commands.asked("pulumi", "up") == []


def test_a_migration_without_an_end_is_stopped_after_an_hour(scenario: DeployScenario) -> None:
    deployed_before(scenario, "http://127.0.0.1:9")
    aws.built(scenario)
    aws.task_starts(scenario.session)
    for _ in range(3600 // 5 + 1):
        aws.task(scenario.session, "RUNNING")
    scenario.session.says("ecs", "stop_task", {})
    aws.logged(scenario.session, "waiting for a lock")
    aws.definition_goes(scenario.session)
    code, _, err = scenario.run("deploy")
    assert (code, scenario.clock.now) == (1, 3600)
    assert err.startswith("The migration did not end within 60 minutes and was stopped;")
    assert "waiting for a lock" in err


def test_no_capacity_for_the_migration_is_said_as_such(scenario: DeployScenario) -> None:
    deployed_before(scenario, "http://127.0.0.1:9")
    aws.built(scenario)
    aws.task_starts(scenario.session)
    lacking = "Capacity is unavailable at this time. Please try again later"
    aws.task_ends(scenario.session, 1, lacking)
    aws.logged(scenario.session)
    aws.definition_goes(scenario.session)
    code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.splitlines()[0] == (
        "The migration failed; nothing was rolled out. AWS has no capacity for it now: try again,"
        " or use other zones, less Spot (spot_percent) or other instance types."
    )


def roll_out(scenario: DeployScenario, url: str) -> None:
    """Up to the moment at which `pulumi up` has come back without an error."""
    deployed_before(scenario, url)
    aws.built(scenario)
    aws.migrated(scenario.session)


@pytest.fixture
def rolled_out(scenario: DeployScenario) -> DeployScenario:
    roll_out(scenario, "http://127.0.0.1:9")
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
    assert rolled_out.clock.now - started == 5 + 1800


def test_a_failed_update_shows_the_service_beside_pulumis_own_words(
    scenario: DeployScenario,
) -> None:
    deployed_before(scenario, "http://127.0.0.1:9")
    scenario.commands.answer("pulumi", "up", out="error: 1 error occurred\n", code=255)
    aws.built(scenario)
    aws.migrated(scenario.session)
    aws.evidence(scenario.session, "unable to pull", "CannotPullContainerError", "nothing")
    code, out, err = scenario.run("deploy")
    assert code == 1
    assert "error: 1 error occurred" in out
    assert err.startswith("`pulumi up` failed; its last lines above say why.\nevent ")
    assert "CannotPullContainerError" in err


def test_another_build_at_the_public_address_is_a_failure(scenario: DeployScenario) -> None:
    session = scenario.session
    with answering(["another"]) as url:
        roll_out(scenario, url)
        for _ in range(2):
            aws.service(session, aws.deployment("ecs-svc/5", 5))
        aws.healthy(session, "healthy")
        aws.evidence(session, "steady", "Task stopped")
        code, _, err = scenario.run("deploy")
    assert code == 1
    assert err.startswith(
        f"{url}/ready doesn't answer with build {scenario.commit}: ready, build another.\n"
    )


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
