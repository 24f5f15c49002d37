"""What an update would change, and what other hands have changed."""

import pytest

from delivering import DeployScenario


@pytest.mark.parametrize("code", [0, 255])
def test_a_preview_is_that_of_a_plain_pulumi(scenario: DeployScenario, code: int) -> None:
    scenario.commands.answer("pulumi", "preview", out="Previewing update (dev)\n", code=code)
    assert scenario.run("preview") == (code, "Previewing update (dev)\n", "")
    [preview] = scenario.commands.asked("pulumi", "preview")
    assert "--config-file" not in preview.arguments
    assert "--policy-pack" in preview.arguments


@pytest.mark.parametrize("code", [0, 255])
def test_drift_lists_differences_between_aws_and_the_state(
    scenario: DeployScenario, code: int
) -> None:
    scenario.commands.answer("pulumi", "refresh", code=code)
    assert scenario.run("drift")[0] == code
    [refresh] = scenario.commands.asked("pulumi", "refresh")
    assert {"--preview-only", "--expect-no-changes"} <= set(refresh.arguments)


def test_any_command_of_pulumi_is_run_on_the_stack(scenario: DeployScenario) -> None:
    file = scenario.infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "  shop:zone: example.com\n")  # to be mended by it
    scenario.commands.answer("pulumi", "set", code=3)
    code, _, _ = scenario.run("pulumi", "config", "set", "domain", "api.example.com")
    assert code == 3
    [asked] = scenario.commands.asked("pulumi", "set")
    assert asked.arguments[-2:] == ["--stack", "dev"]
    assert asked.backend.startswith("s3://shop-dev-state-")
