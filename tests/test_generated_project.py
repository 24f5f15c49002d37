"""The second command: what was generated runs, and passes its own checks."""

import json
import os
import re
import socket
import sys
import sysconfig
import venv
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.generating import BIN, generate, run
from tests.serving import DEMO, ask, serving


def test_demo_serves_what_it_prints(clone: Path) -> None:
    printed = (clone.parent / "log").read_text()
    assert printed.index("generating build/demo/orders") < printed.index("installing")
    for route in ("/ready", "/items", "/data/"):
        assert route in printed


def test_two_services_run_at_once_and_end_with_ctrl_c(
    clone: Path, demo: Path, template: Path, tmp_path: Path
) -> None:
    other = generate(template, tmp_path / "other", "project=billing")
    (other / ".venv").symlink_to(demo / ".venv")  # an installation saved
    os.utime(demo / ".venv/installed")
    with (
        serving(*DEMO, cwd=clone, log=tmp_path / "demo.log") as orders,
        serving("make", "dev", cwd=other, log=tmp_path / "other.log") as billing,
    ):
        for address in (orders, billing):
            assert ask(f"{address}/health") == {"status": "ok"}
            assert ask(f"{address}/data/42")["source"] == "external"
        assert ask(f"{orders}/items/1")["name"] == "tea"  # data outlives a new `make demo`
        assert ask(f"{billing}/items")["items"] == []
    for address in (orders, billing):
        with socket.socket() as probe:
            port = urlsplit(address).port
            assert port
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_files_of_editors_are_json_and_name_what_exists(project: Path) -> None:
    container = json.loads((project / ".devcontainer.json").read_text())
    [target] = re.findall("^make (.+)$", container["postCreateCommand"])
    assert f"\n{target}: " in (project / "Makefile").read_text()
    launch = json.loads((project / ".vscode/launch.json").read_text())
    requests = [(each["type"], each["request"]) for each in launch["configurations"]]
    assert requests == [("debugpy", "launch"), ("debugpy", "attach")]


@pytest.mark.slow("checks the types of the stack program")
def test_types_of_infra_are_read_from_its_own_environment(template: Path, tmp_path: Path) -> None:
    infra = generate(template, tmp_path) / "infra"
    venv.create(infra / "venv")
    [packages] = infra.glob("venv/lib/*/site-packages")
    installed = (infra.parent / "vendor", sysconfig.get_path("purelib"))
    (packages / "installed.pth").write_text("\n".join(map(str, installed)))
    outcome = run(BIN / "basedpyright", cwd=infra)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.extra("rehearses the stacks again, in a generated project")
def test_infrastructure_of_the_default_passes(template: Path, tmp_path: Path) -> None:
    passes(generate(template, tmp_path))


@pytest.mark.extra("a second stack program under mocks")
def test_infrastructure_of_other_answers_passes(template: Path, tmp_path: Path) -> None:
    answers = ("project=billing", "compute=ec2", "domain=api.example.com", "aws_region=us-east-1")
    passes(generate(template, tmp_path, *answers))


def passes(project: Path) -> None:
    environment = ("env", f"PYTHONPATH={project / 'vendor'}")
    outcome = run(*environment, sys.executable, "-m", "pytest", "-q", cwd=project / "infra")
    assert outcome.returncode == 0, outcome.stdout
