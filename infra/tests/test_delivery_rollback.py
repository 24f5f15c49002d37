"""Back to the image before: the repository's tags say what was deployed."""

import json

import pytest

import rollouts as aws
from delivering import DeployScenario, answering

NEWER, NEWEST = "deployed-20260102T000000Z", "deployed-20260103T000000Z"


def images(scenario: DeployScenario, *tags: tuple[str, str]) -> None:
    """What the repository holds, as build and tag."""
    details = [{"imageDigest": aws.DIGESTS[build], "imageTags": [tag]} for build, tag in tags]
    scenario.session.says(
        "ecr", "describe_images", {"imageDetails": details}, repositoryName="shop-dev-0123456"
    )


def deployed(scenario: DeployScenario, url: str) -> None:
    """Build "new" runs; `pulumi up` brings the other."""
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out=aws.exported(url, "new"))
    then = [[["pulumi", "output"], json.dumps(aws.exported(url, "old")), "", 0, None]]
    scenario.commands.answer("pulumi", "up", then=then)


@pytest.mark.parametrize(
    "tags",
    [
        (("new", NEWEST), ("old", NEWER), ("older", "deployed-20260101T000000Z")),
        (("old", NEWEST), ("older", NEWER)),
        (("new", NEWER), ("old", NEWEST), ("older", "older-arm64")),
    ],
    ids=["a bad build", "a deployment that failed", "one that was never deployed"],
)
def test_the_image_that_was_deployed_before_comes_back(
    scenario: DeployScenario, tags: tuple[tuple[str, str], ...]
) -> None:
    with answering(["old"]) as url:
        deployed(scenario, url)
        images(scenario, *tags)
        for _ in range(2):
            aws.known(scenario.session, "old")
            aws.service(scenario.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scenario.session, "healthy")
        aws.marked(scenario.session, "old")
        code, out, err = scenario.run("rollback")
    assert (code, err) == (0, "")
    assert out.endswith(f"{url} runs old on 1 healthy targets\n")
    [up] = scenario.commands.asked("pulumi", "up")
    assert aws.uri("old") in up.config
    assert f"roll back to {aws.uri('old')}" in up.arguments
    assert scenario.commands.asked("docker") == []


def test_an_older_image_is_named_by_its_digest(scenario: DeployScenario) -> None:
    with answering(["old"]) as url:
        deployed(scenario, url)
        for _ in range(2):
            aws.known(scenario.session, "old")
            aws.service(scenario.session, aws.deployment("ecs-svc/6", 4))
        aws.healthy(scenario.session, "healthy")
        aws.marked(scenario.session, "old")
        assert scenario.run("rollback", "--image", aws.DIGESTS["old"])[0] == 0
    [up] = scenario.commands.asked("pulumi", "up")
    assert aws.uri("old") in up.config


def test_an_image_of_another_processor_is_refused(scenario: DeployScenario) -> None:
    deployed(scenario, "http://127.0.0.1:9")
    aws.known(scenario.session, "old", architecture="x86_64")
    digest = aws.DIGESTS["old"]
    assert scenario.run("rollback", "--image", digest) == (
        1,
        "",
        f"{digest} is of x86_64 and the stack runs on arm64: choose an image of that processor.\n",
    )
    assert scenario.commands.asked("pulumi", "up") == []


def test_a_stack_that_was_never_deployed_has_no_way_back(scenario: DeployScenario) -> None:
    aws.unlocked(scenario.session)
    scenario.commands.answer("pulumi", "output", out={})
    sentence = "Stack dev was never deployed: `make deploy` does it.\n"
    assert scenario.run("rollback") == (1, "", sentence)


def test_without_an_earlier_image_nothing_is_done(scenario: DeployScenario) -> None:
    deployed(scenario, "http://127.0.0.1:9")
    images(scenario, ("new", NEWEST), ("older", "older-arm64"))
    code, _, err = scenario.run("rollback")
    assert code == 1
    assert err == (
        "The repository shop-dev-0123456 holds no other image that `make deploy` has verified: name"
        " one by its digest, IMAGE=sha256:….\n"
    )
    assert scenario.commands.asked("pulumi", "up") == []


def test_a_rollback_that_does_not_take_is_a_failure(scenario: DeployScenario) -> None:
    deployed(scenario, "http://127.0.0.1:9")
    images(scenario, ("new", NEWEST), ("old", NEWER))
    for _ in range(2):
        aws.known(scenario.session, "old")
    aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
    aws.evidence(scenario.session, "unable to start", "Task failed", "old trouble")
    code, _, err = scenario.run("rollback")
    assert code == 1
    assert err.startswith("The deployment was rolled back: ecs-svc/5 is the primary one")
    assert "old trouble" in err
