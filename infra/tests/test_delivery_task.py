"""One command with the service's image: `make run`, and the migration of an update."""

import json
from typing import Any

import pytest

import rollouts as aws
from cloud import REGION
from delivering import DeployScenario, Session
from stackkit.tools.deploy.__main__ import main

REQUEST = {
    "cluster": "shop-dev",
    "taskDefinition": aws.PLACE["definition"],
    "launchType": "FARGATE",
    "networkConfiguration": {
        "awsvpcConfiguration": {
            "subnets": ["subnet-a"],
            "securityGroups": ["sg-1"],
            "assignPublicIp": "DISABLED",
        }
    },
    "count": 1,
}


def starts(session: Session, *command: str) -> None:
    overrides = {"containerOverrides": [{"name": "app", "command": list(command)}]}
    answer = {"tasks": [{"taskArn": aws.TASK}]}
    session.says("ecs", "run_task", answer, **REQUEST, overrides=overrides)


def task(session: Session, status: str, code: int | None = None, reason: str = "") -> None:
    container = {"name": "app"} | ({} if code is None else {"exitCode": code})
    answer = {"taskArn": aws.TASK, "lastStatus": status, "containers": [container]}
    session.says("ecs", "describe_tasks", {"tasks": [answer | {"stoppedReason": reason}]})


def writes(session: Session, token: str, *lines: str, after: str = "") -> None:
    """A page of the log, and the empty one after it."""
    where = {"logGroupName": "shop-dev", "logStreamName": "task/app/0a1b", "startFromHead": True}
    asked = where | ({"nextToken": after} if after else {})
    events = [{"message": line} for line in lines]
    session.says("logs", "get_log_events", {"events": events, "nextForwardToken": token}, **asked)
    if lines:
        writes(session, token, after=token)


def ends(session: Session, code: int) -> None:
    """A task that writes while it starts, while it runs, and as it ends."""
    task(session, "PENDING")
    session.refuses("logs", "get_log_events", "ResourceNotFoundException")
    task(session, "RUNNING")
    writes(session, "1", "first", "second")
    task(session, "STOPPED", code)
    writes(session, "2", "third", after="1")
    task(session, "STOPPED", code)
    writes(session, "2", after="2")


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_shows_its_log_and_ends_with_its_exit_code(
    scenario: DeployScenario, code: int
) -> None:
    scenario.commands.answer("pulumi", "output", out=aws.exported("https://shop.test", "old"))
    starts(scenario.session, "python", "-m", "app.backfill", "a b")
    ends(scenario.session, code)
    told = scenario.run("run", "python -m app.backfill 'a b'")
    lines = ["task 0a1b runs: python -m app.backfill a b", "first", "second", "third", ""]
    assert told == (code, "\n".join(lines), "")


def test_a_command_on_a_stack_that_was_never_deployed_is_refused(scenario: DeployScenario) -> None:
    scenario.commands.answer("pulumi", "output", out={})
    sentence = "Stack dev was never deployed: `make deploy` does it.\n"
    assert scenario.run("run", "true") == (1, "", sentence)


def test_a_task_that_ecs_does_not_start_is_a_failure_with_its_reason(
    scenario: DeployScenario,
) -> None:
    scenario.commands.answer("pulumi", "output", out=aws.exported("https://shop.test", "old"))
    failure = {"reason": "Capacity is unavailable at this time"}
    scenario.session.says("ecs", "run_task", {"tasks": [], "failures": [failure]})
    code, _, err = scenario.run("run", "true")
    assert code == 1
    assert err.startswith("The task could not be started. AWS has no capacity for it now")


def test_a_task_without_an_exit_code_is_a_failure_with_its_reason(scenario: DeployScenario) -> None:
    scenario.commands.answer("pulumi", "output", out=aws.exported("https://shop.test", "old"))
    starts(scenario.session, "true")
    for _ in range(2):
        task(scenario.session, "STOPPED", None, "CannotPullContainerError: no such image")
        scenario.session.refuses("logs", "get_log_events", "ResourceNotFoundException")
    code, _, err = scenario.run("run", "true")
    assert code == 1
    assert err.splitlines() == [
        "The task could not run.",
        "task 0a1b: CannotPullContainerError: no such image",
    ]


@pytest.fixture
def program(scenario: DeployScenario, monkeypatch: pytest.MonkeyPatch) -> DeployScenario:
    """What the program sets for its migration."""
    monkeypatch.setenv("STANDALONE_TASK", json.dumps(aws.PLACE))
    monkeypatch.setenv("AWS_REGION", REGION)
    return scenario


def migrate(scenario: DeployScenario) -> tuple[int, Any]:
    code = main(["task", "alembic", "upgrade", "head"])
    scenario.session.check_all_was_asked()
    return code, scenario.capture.readouterr()


def test_a_migration_needs_no_stack_with_outputs(program: DeployScenario) -> None:
    starts(program.session, "alembic", "upgrade", "head")
    ends(program.session, 0)
    code, told = migrate(program)
    assert (code, told.err) == (0, "")
    assert "third" in told.out
    assert program.commands.asked("pulumi") == []


def test_a_failed_migration_ends_the_update_with_its_log(program: DeployScenario) -> None:
    starts(program.session, "alembic", "upgrade", "head")
    ends(program.session, 1)
    code, told = migrate(program)
    assert code == 1
    assert told.out.endswith("first\nsecond\nthird\n")
    assert told.err == "`alembic upgrade head` exited with 1; the service is as it was.\n"


def test_a_migration_without_an_end_is_stopped_after_an_hour(program: DeployScenario) -> None:
    starts(program.session, "alembic", "upgrade", "head")
    for _ in range(3600 // 5 + 1):
        task(program.session, "RUNNING")
        program.session.refuses("logs", "get_log_events", "ResourceNotFoundException")
    program.session.says(
        "ecs", "stop_task", {}, cluster="shop-dev", task=aws.TASK, reason="out of time"
    )
    code, told = migrate(program)
    assert (code, program.clock.now) == (1, 3600)
    assert told.err == "The task did not end within 60 minutes and was stopped.\n"


def test_interrupted_command_stops_its_task(
    scenario: DeployScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.commands.answer("pulumi", "output", out=aws.exported("https://shop.test", "old"))
    starts(scenario.session, "sleep", "9")
    task(scenario.session, "RUNNING")
    writes(scenario.session, "1")
    scenario.session.says(
        "ecs", "stop_task", {}, cluster="shop-dev", task=aws.TASK, reason="interrupted"
    )

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scenario.clock, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scenario.run("run", "sleep 9")
    scenario.session.check_all_was_asked()
