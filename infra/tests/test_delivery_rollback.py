"""Back to the image before: the stack remembers what ran, and tags say what was verified."""

import json
from collections.abc import Mapping

import pytest

import rollouts as aws
from delivering import DeployScenario, answering
from stackkit.resources import last_deployment

MAKE, PLAIN = "make deploy", "pulumi up"


def deployed(scenario: DeployScenario, url: str, deployments: Mapping[str, str] = {}) -> None:
    """Build "new" runs; `pulumi up` brings the other."""
    aws.unlocked(scenario.session)
    ran = aws.exported(url, "new", deployments=deployments)
    scenario.commands.answer("pulumi", "output", out=ran)
    then = [[["pulumi", "output"], json.dumps(aws.exported(url, "old")), "", 0, None]]
    scenario.commands.answer("pulumi", "up", then=then)


@pytest.mark.parametrize(
    ("deployments", "verified"),
    [
        ({"new": MAKE, "old": MAKE, "older": MAKE}, {"old": True}),
        ({"new": PLAIN, "old": PLAIN}, {"old": False}),
        ({"new": MAKE, "older": MAKE, "old": MAKE}, {"older": False, "old": True}),
        ({"new": PLAIN, "older": MAKE, "old": PLAIN}, {"older": False, "old": False}),
    ],
    ids=["a bad build", "plain pulumi up", "two bad builds", "a bad build among plain ones"],
)
def test_the_image_that_was_deployed_before_comes_back(
    scenario: DeployScenario, deployments: Mapping[str, str], verified: Mapping[str, bool]
) -> None:
    with answering(["old"]) as url:
        deployed(scenario, url, deployments)
        for build, tagged in verified.items():
            aws.known(scenario.session, build, verified=tagged)
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
    deployed(scenario, "http://127.0.0.1:9", {"new": MAKE, "older": MAKE})
    aws.known(scenario.session, "older", verified=False)
    code, _, err = scenario.run("rollback")
    assert code == 1
    assert err == (
        "The stack remembers no image before this one that served: name one by its digest,"
        " IMAGE=sha256:….\n"
    )
    assert scenario.commands.asked("pulumi", "up") == []


def test_a_rollback_that_does_not_take_is_a_failure(scenario: DeployScenario) -> None:
    deployed(scenario, "http://127.0.0.1:9", {"new": MAKE, "old": MAKE})
    for _ in range(3):
        aws.known(scenario.session, "old")
    aws.service(scenario.session, aws.deployment("ecs-svc/5", 5))
    aws.evidence(scenario.session, "unable to start", "Task failed", "old trouble")
    code, _, err = scenario.run("rollback")
    assert code == 1
    assert err.startswith("The deployment was rolled back: ecs-svc/5 is the primary one")
    assert "old trouble" in err


@pytest.mark.parametrize(
    ("image", "remembered"),
    [("c", "cba"), ("b", "ba"), ("d", "dcba")],
    ids=["another key", "a rollback", "a new build"],
)
def test_the_stack_remembers_what_ran_before_its_image(image: str, remembered: str) -> None:
    last = {"deployments": [{"image": each, "by": PLAIN} for each in "cba"]}
    after = last_deployment.deployments(last, image)
    assert [each["image"] for each in after] == list(remembered)


def test_the_first_deployment_is_remembered_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert last_deployment.deployments({}, "a") == [{"image": "a", "by": PLAIN}]
    monkeypatch.setenv("DEPLOYED_BY", MAKE)
    assert last_deployment.deployments({}, "a") == [{"image": "a", "by": MAKE}]
