"""The command, as a user runs it: each of the stacks that the template promises."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import INFRA, keys

# of a run on a machine that does nothing else; the tests have neighbours
SLOW_S = 60


def rehearse(
    stack: str, values: dict[str, str], infra: Path = INFRA
) -> subprocess.CompletedProcess[str]:
    given = [f"{name}={value}" for name, value in values.items()]
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", "--stack", stack, "--set", *given],
        cwd=infra,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SLOW_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("tier", "compute", "domain"),
    list(itertools.product(("dev", "prod"), ("fargate", "ec2"), (True, False))),
)
def test_every_stack_stands_up(tier: str, compute: str, domain: bool) -> None:
    outcome = rehearse(tier, keys(tier, compute, domain))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Refused" not in outcome.stdout
    assert outcome.stdout.count("  ok  ") == 9
