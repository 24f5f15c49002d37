"""The command, as a user runs it, for each stack of the project."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import DOMAIN, INFRA
from rehearsal.judge import CHECKS
from stack_file import read_stack

# of a run on a machine that does nothing else; the tests have neighbours
SLOW_S = 60


def rehearse(
    stack: str, values: dict[str, str], infra: Path = INFRA, page: Path = Path(os.devnull)
) -> subprocess.CompletedProcess[str]:
    given = [f"{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "rehearsal", "--stack", stack, "--page", str(page)]
    return subprocess.run(
        [*command, "--set", *given],
        cwd=infra,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SLOW_S,
        check=False,
    )


def own_stacks() -> list[str]:
    """Those of the project; the template itself has none, and rehearses production's defaults."""
    files = sorted(INFRA.glob("Pulumi.*.yaml"))
    return [file.name.split(".")[1] for file in files] or ["prod"]


@pytest.mark.parametrize("stack", own_stacks())
def test_every_stack_of_the_project_stands_up(stack: str) -> None:
    outcome = rehearse(stack, unset(stack))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Refused" not in outcome.stdout
    assert outcome.stdout.count("  ok  ") == len(CHECKS)


def unset(stack: str) -> dict[str, str]:
    """What a new project leaves empty, because only its team knows it."""
    file = read_stack(INFRA, stack if (INFRA / "Pulumi.yaml").exists() else "")
    wanted = {"upstream_url": "https://upstream.example.com"}
    if not file.values.get("allow_http"):
        wanted["domain"] = DOMAIN
    return {key: value for key, value in wanted.items() if not file.values.get(key)}
