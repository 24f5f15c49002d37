"""Every stack of this project, made in a simulated account, under the policies of `pulumi up`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stackkit.settings.stack_file import read_stack

INFRA = Path(__file__).absolute().parents[1]
STACKS = [file.name.split(".")[1] for file in sorted(INFRA.glob("Pulumi.*.yaml"))]


def missing_values(stack: str) -> dict[str, str]:
    """Values for the keys that a new project leaves empty."""
    file = read_stack(INFRA, stack)
    production = file.values.get("tier", "prod") == "prod"
    if not production or file.values.get("domain") or file.values.get("allow_http"):
        return {}
    return {"domain": "api.example.com"}


@pytest.mark.parametrize("stack", STACKS)
def test_stack_passes_every_check_of_the_rehearsal(stack: str) -> None:
    values = [f"{name}={value}" for name, value in missing_values(stack).items()]
    given = ["--set", *values] if values else []
    command = [sys.executable, "-m", "stackkit.tools.rehearse", "--stack", stack]
    outcome = subprocess.run(
        [*command, "--page", os.devnull, *given],
        cwd=INFRA,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "--  " not in outcome.stdout  # a check without anything to look at
