"""`make rehearse ENGINE=pulumi` in a project as generated."""

import os
import subprocess
import sys
from pathlib import Path


def rehearse(cli: Path, project: Path, *options: str) -> list[str]:
    """The steps, in one line each."""
    played = subprocess.run(
        [sys.executable, "-m", "stackkit.tools.rehearse", "--engine", "pulumi", *options],
        cwd=project,
        env=os.environ | {"PATH": f"{cli.parent}:{os.environ['PATH']}", "PYTHONPATH": "../vendor"},
        capture_output=True,
        text=True,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    return [line for line in played.stdout.splitlines()[1:] if not line.startswith(" ")]


def test_a_development_stack_is_made_kept_and_destroyed(cli: Path, project: Path) -> None:
    up, again, destroy = rehearse(cli, project, "--stack", "dev")
    assert up == destroy.replace("destroy", "up")
    assert int(up.split()[1]) > 100
    assert again == "up again: no changes"


def test_a_production_stack_with_a_domain_is_made_kept_and_protected(
    cli: Path, project: Path
) -> None:
    keys = ("domain=api.example.com", "zone=example.com")
    up, again, destroy = rehearse(cli, project, "--stack", "prod", "--set", *keys)
    assert up.endswith(" changes")
    assert again == "up again: no changes"
    assert destroy == "destroy: refused, because the stack's resources are protected"
