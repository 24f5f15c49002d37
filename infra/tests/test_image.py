"""The image that a stack runs: built by the program, or given."""

import pytest

from cloud import DIGEST, REGISTRY
from harness import IMAGE, Secret, keys, run, stack
from stackkit.resources.image import repository_arn

BUILT = "docker-build:index:Image"


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_image_is_built_for_the_stacks_processor_and_named_by_its_build(compute: str) -> None:
    image = stack("dev", compute).one(BUILT, "shop-dev")
    repository = f"{REGISTRY}/shop-dev-0123456"
    build = image.inputs["buildArgs"]["BUILD_ID"]
    assert image.inputs["tags"] == [f"{repository}:{build}-arm64"]
    assert image.inputs["platforms"] == ["linux/arm64"]
    # a path that is the same on each machine
    assert image.inputs["context"] == {"location": ".."}
    assert (image.inputs["push"], image.inputs["buildOnPreview"]) == (True, False)
    login = {"address": f"https://{REGISTRY}", "username": "AWS", "password": "a-registry-token"}
    assert image.inputs["registries"] == Secret([login])
    assert stack("dev", compute).outputs["image"] == f"{repository}@{DIGEST}"


def test_image_is_built_for_the_other_processor() -> None:
    values = keys("dev") | {"architecture": "x86_64"}
    image = run("dev", values).one(BUILT, "shop-dev").inputs
    assert image["platforms"] == ["linux/amd64"]
    assert image["tags"][0].endswith("-x86_64")


def test_image_of_an_earlier_update_stays_in_the_repository() -> None:
    assert stack("prod").one(BUILT, "shop-prod").retain_on_delete
    _, rule = stack("prod").one("awsx:ecr:Repository").inputs["lifecyclePolicy"]["rules"]
    assert (rule["tagStatus"], rule["maximumNumberOfImages"]) == ("any", 100)


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_repository_goes_with_development_only(tier: str) -> None:
    repository = stack(tier).one("awsx:ecr:Repository").inputs
    assert repository["forceDelete"] is (tier == "dev")
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}


def test_given_image_is_run_and_not_built() -> None:
    made = run("dev", keys("dev") | {"image": IMAGE})
    assert made.names(BUILT) == ["shop-dev-collector"]
    assert made.outputs["image"] == IMAGE
    assert made.one("command:local:Command").inputs["triggers"] == [IMAGE]


@pytest.mark.parametrize(
    ("uri", "arn"),
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop@sha256:0a",
            "arn:aws:ecr:eu-west-1:123456789012:repository/team/shop",
        ),
        (
            "123456789012.dkr.ecr.us-east-2.amazonaws.com/shop:1.2@sha256:0a",
            "arn:aws:ecr:us-east-2:123456789012:repository/shop",
        ),
        ("public.ecr.aws/team/shop@sha256:0a", None),
        ("registry.example.com/shop@sha256:0a", None),
    ],
)
def test_an_image_of_ones_own_may_lie_in_ecr_or_elsewhere(uri: str, arn: str | None) -> None:
    assert repository_arn(uri) == arn
