"""Looking before leaping: the program is run with the image that runs."""

import pytest
import yaml

import rollouts as aws
from delivering import DeployScenario


@pytest.mark.parametrize(
    ("exported", "image"),
    [
        (aws.exported("https://shop.test", "old"), aws.uri("old")),
        ({}, f"none@sha256:{'0' * 64}"),
    ],
    ids=["deployed", "never deployed"],
)
def test_a_preview_takes_the_image_that_runs(
    scenario: DeployScenario, exported: dict[str, object], image: str
) -> None:
    scenario.commands.answer("pulumi", "output", out=exported)
    scenario.commands.answer("pulumi", "preview", out="Previewing update (dev)\n")
    assert scenario.run("preview") == (0, "Previewing update (dev)\n", "")
    [preview] = scenario.commands.asked("pulumi", "preview")
    assert yaml.safe_load(preview.config)["config"]["shop:image"] == image
    assert "--expect-no-changes" not in preview.arguments


@pytest.mark.parametrize("code", [0, 255])
def test_drift_is_found_by_asking_aws_and_fails(scenario: DeployScenario, code: int) -> None:
    exported = aws.exported("https://shop.test", "old")
    scenario.commands.answer("pulumi", "output", out=exported)
    scenario.commands.answer("pulumi", "preview", code=code)
    assert scenario.run("drift")[0] == (1 if code else 0)
    [preview] = scenario.commands.asked("pulumi", "preview")
    assert {"--refresh", "--expect-no-changes"} <= set(preview.arguments)


def test_any_command_of_pulumi_is_run_on_the_stack(scenario: DeployScenario) -> None:
    file = scenario.infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("https://up.test", ""))  # to be mended by it
    scenario.commands.answer("pulumi", "set", code=3)
    code, _, _ = scenario.run("pulumi", "config", "set", "upstream_url", "https://new.test")
    assert code == 3
    [asked] = scenario.commands.asked("pulumi", "set")
    assert asked.arguments[-2:] == ["--stack", "dev"]
    assert asked.backend.startswith("s3://shop-dev-state-")
