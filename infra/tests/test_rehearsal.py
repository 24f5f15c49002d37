"""The command, as a user runs it."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from harness import DOMAIN, INFRA, PROGRAM
from stackkit.tools.rehearse.validate import CHECKS

# a run takes seconds; beyond this it hangs, on a machine that is busy with other things, too
SLOW_S = 600


def rehearse(
    stack: str,
    values: dict[str, str],
    infra: Path | None = None,
    page: Path = Path(os.devnull),
) -> subprocess.CompletedProcess[str]:
    given = [f"{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "stackkit.tools.rehearse", "--stack", stack]
    return subprocess.run(
        [*command, "--page", str(page), "--set", *given],
        cwd=infra or program_alone(),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(INFRA)},
        capture_output=True,
        text=True,
        timeout=SLOW_S,
        check=False,
    )


@cache
def program_alone() -> Path:
    """The program in a folder without stack files."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return copy_program(folder)


def copy_program(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("__main__.py", "overrides.py"):
        shutil.copy(PROGRAM / name, folder)
    return folder


def test_production_stands_up() -> None:
    values = {"upstream_url": "https://upstream.example.com", "domain": DOMAIN}
    outcome = rehearse("prod", values)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Refused" not in outcome.stdout
    assert outcome.stdout.count("  ok  ") == len(CHECKS) + 1  # and the policies


def test_a_stack_stands_up_in_a_vpc_that_exists_behind_an_internal_balancer(
    tmp_path: Path,
) -> None:
    subnets = ["subnet-0a1b2c3d", "subnet-0a1b2c3e", "subnet-0a1b2c3f"]
    named = {"vpc_id": "vpc-0a1b2c3d", "private_subnet_ids": json.dumps(subnets)}
    office = {"internal": "true", "allow_from": '["203.0.113.0/24"]'}
    page = tmp_path / "page.html"
    outcome = rehearse("prod", {"domain": DOMAIN} | named | office, page=page)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.count("  ok  ") == len(CHECKS) + 1  # and the policies
    shown = page.read_text()
    assert "VPC 10.0.0.0/16, which exists" in shown
    assert "internal, 3 zones, HTTP 80, HTTPS 443, from 203.0.113.0/24" in shown
