"""GitHub's workflows, the template's and a project's: valid, pinned, no wider than they need."""

import re
from pathlib import Path

import pytest
import yaml

from tests.generating import BIN, ROOT, run

PINNED = re.compile(r"uses: (\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40}) # (v\d+\.\d+\.\d+|zizmor: .+)")


@pytest.fixture(scope="module", params=["the template", "a project"])
def workflows(request: pytest.FixtureRequest, project: Path) -> list[Path]:
    folder = ROOT if request.param == "the template" else project
    return sorted(folder.glob(".github/workflows/*.yml"))


def test_workflows_fit_githubs_schema(workflows: list[Path]) -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    outcome = run(BIN / "check-jsonschema", *schema, *workflows, cwd=ROOT)
    assert outcome.returncode == 0, outcome.stdout


def test_workflows_have_only_the_permissions_they_need(workflows: list[Path]) -> None:
    outcome = run(BIN / "zizmor", "--offline", "--no-progress", *workflows, cwd=ROOT)
    assert outcome.returncode == 0, outcome.stdout


def test_actions_are_pinned_by_commit_and_name_their_version(workflows: list[Path]) -> None:
    uses = [
        line.strip(" -")
        for workflow in workflows
        for line in workflow.read_text().splitlines()
        if "uses:" in line
    ]
    assert len(uses) >= 2
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


def test_one_version_of_an_action_is_used_everywhere(project: Path) -> None:
    used: dict[str, set[str]] = {}
    for folder in (ROOT, project):
        for workflow in folder.glob(".github/workflows/*.yml"):
            for name, version in re.findall(r"uses: ([\w/-]+)@(\S+)", workflow.read_text()):
                used.setdefault(name, set()).add(version)
    assert {name for name, versions in used.items() if len(versions) > 1} == set()


def test_every_make_target_that_a_workflow_calls_exists(project: Path) -> None:
    called = {
        target
        for workflow in project.glob(".github/workflows/*.yml")
        for target in re.findall(r"\bmake ([a-z-]+)", workflow.read_text())
    }
    assert called == {"check", "audit", "check-infra", "preview", "deploy", "drift"}
    makefile = (project / "Makefile").read_text()
    assert [target for target in called if f"\n{target}:" not in makefile] == []


def test_a_key_of_aws_is_nowhere_and_only_deployments_and_lookers_on_may_ask_for_one(
    project: Path,
) -> None:
    for workflow in project.glob(".github/workflows/*.yml"):
        described = yaml.safe_load(workflow.read_text())
        asking = [
            name
            for name, job in described["jobs"].items()
            if job.get("permissions", {}).get("id-token") == "write"
        ]
        expected = {
            "deploy.yml": ["preview", "deploy"],
            "drift.yml": ["drift"],
            "preview.yml": ["preview"],
        }
        assert asking == expected.get(workflow.name, [])
        assert "secrets." not in workflow.read_text()


@pytest.mark.parametrize("line", ['"aws:region": "eu-central-1"', "aws:region: eu-central-1"])
def test_the_stacks_region_is_read_as_pulumi_writes_it_and_as_we_do(
    project: Path, tmp_path: Path, line: str
) -> None:
    job = yaml.safe_load((project / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    [step] = [step for step in job["steps"] if step.get("id") == "stack"]
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/Pulumi.dev.yaml").write_text(f"config:\n  {line}\n")
    script = f"STACK=dev GITHUB_OUTPUT=/dev/stdout; {step['run']}"
    assert run("bash", "-ec", script, cwd=tmp_path).stdout == "region=eu-central-1\n"
