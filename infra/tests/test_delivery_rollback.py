"""Back to the image before: what ran is known from the stack's history."""

import json

import pytest

import rollouts as aws
from delivering import DeployScenario, answering


def update(build: str, result: str = "succeeded", kind: str = "update") -> dict[str, object]:
    config = {"shop:image": {"value": aws.uri(build), "secret": False}}
    return {"kind": kind, "result": result, "config": config}


def scene_of(scenario: DeployScenario, url: str, *history: dict[str, object]) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "history", out=list(history))
    scenario.commands.answer("pulumi", "output", out=aws.exported(url, "new"))
    then = [[["pulumi", "output"], json.dumps(aws.exported(url, "old")), "", 0, None]]
    scenario.commands.answer("pulumi", "up", then=then)


@pytest.mark.parametrize(
    "history",
    [
        (update("new"), update("old"), update("older")),
        (update("new", "failed"), update("old"), update("older")),
        (update("new"), update("new"), update("older", "failed"), update("old")),
        (update("older", kind="refresh"), update("new"), update("old")),
    ],
    ids=["a bad build", "a failed update", "a failed one between", "a refresh since"],
)
def test_the_last_good_image_before_this_one_comes_back_without_a_migration(
    scenario: DeployScenario, history: tuple[dict[str, object], ...]
) -> None:
    with answering(["old"]) as url:
        scene_of(scenario, url, *history)
        aws.known(scenario.session, "old")
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scenario.session, "healthy")
        code, out, err = scenario.run("rollback")
    assert (code, err) == (0, "")
    assert out.endswith(f"{url} runs build old on 1 healthy targets\n")
    [up] = scenario.commands.asked("pulumi", "up")
    assert aws.uri("old") in up.config
    assert "roll back to old" in up.arguments
    assert scenario.commands.asked("docker") == []


def test_an_older_image_is_named_by_its_digest(scenario: DeployScenario) -> None:
    with answering(["older"]) as url:
        scene_of(scenario, url)
        aws.known(scenario.session, "older")
        for _ in range(2):
            aws.service(scenario.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scenario.session, "healthy")
        code, _, _ = scenario.run("rollback", "--image", aws.DIGESTS["older"])
    assert code == 0
    [up] = scenario.commands.asked("pulumi", "up")
    assert aws.uri("older") in up.config


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ((), "Stack dev was never deployed: there is no way back.\n"),
        (
            (update("new"), update("new")),
            f"Stack dev never ran another image than {aws.uri('new')}.\n",
        ),
    ],
)
def test_without_an_earlier_image_nothing_is_done(
    scenario: DeployScenario, history: tuple[dict[str, object], ...], sentence: str
) -> None:
    scene_of(scenario, "http://127.0.0.1:9", *history)
    assert scenario.run("rollback") == (1, "", sentence)
    assert scenario.commands.asked("pulumi", "up") == []


def test_a_rollback_that_does_not_take_is_a_failure(scenario: DeployScenario) -> None:
    scene_of(scenario, "http://127.0.0.1:9", update("new"), update("old"))
    aws.known(scenario.session, "old")
    aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
    aws.evidence(scenario.session, "unable to start", "Task failed", "old trouble")
    code, _, err = scenario.run("rollback")
    assert code == 1
    assert err.startswith("The deployment was rolled back: ecs-svc/5 is the primary one")
    assert "old trouble" in err
