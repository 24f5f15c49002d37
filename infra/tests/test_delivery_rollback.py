"""Back to the image before: what ran is known from the stack's history."""

import json

import pytest

import rollouts as aws
from delivering import Scene, answering


def update(build: str, result: str = "succeeded", kind: str = "update") -> dict[str, object]:
    config = {"shop:image": {"value": aws.uri(build), "secret": False}}
    return {"kind": kind, "result": result, "config": config}


def scene_of(scene: Scene, url: str, *history: dict[str, object]) -> None:
    aws.unlocked(scene.session)
    scene.commands.answer("pulumi", "history", out=list(history))
    scene.commands.answer("pulumi", "output", out=aws.exported(url, "new"))
    then = [[["pulumi", "output"], json.dumps(aws.exported(url, "old")), "", 0, None]]
    scene.commands.answer("pulumi", "up", then=then)


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
    scene: Scene, history: tuple[dict[str, object], ...]
) -> None:
    with answering(["old"]) as url:
        scene_of(scene, url, *history)
        aws.known(scene.session, "old")
        for _ in range(2):
            aws.service(scene.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scene.session, "healthy")
        code, out, err = scene.run("rollback")
    assert (code, err) == (0, "")
    assert out.endswith(f"{url} runs build old on 1 healthy targets\n")
    [up] = scene.commands.asked("pulumi", "up")
    assert aws.uri("old") in up.config
    assert "roll back to old" in up.arguments
    assert scene.commands.asked("docker") == []


def test_an_older_image_is_named_by_its_digest(scene: Scene) -> None:
    with answering(["older"]) as url:
        scene_of(scene, url)
        aws.known(scene.session, "older")
        for _ in range(2):
            aws.service(scene.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scene.session, "healthy")
        code, _, _ = scene.run("rollback", "--image", aws.DIGESTS["older"])
    assert code == 0
    [up] = scene.commands.asked("pulumi", "up")
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
    scene: Scene, history: tuple[dict[str, object], ...], sentence: str
) -> None:
    scene_of(scene, "http://127.0.0.1:9", *history)
    assert scene.run("rollback") == (1, "", sentence)
    assert scene.commands.asked("pulumi", "up") == []


def test_a_rollback_that_does_not_take_is_a_failure(scene: Scene) -> None:
    scene_of(scene, "http://127.0.0.1:9", update("new"), update("old"))
    aws.known(scene.session, "old")
    aws.service(scene.session, aws.deployment("ecs-svc/5", 5))
    aws.evidence(scene.session, "unable to start", "Task failed", "old trouble")
    code, _, err = scene.run("rollback")
    assert code == 1
    assert err.startswith("The deployment was rolled back: ecs-svc/5 is the primary one")
    assert "old trouble" in err
