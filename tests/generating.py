"""Runs the real commands, and looks at what they leave on the disk."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SERVICE = "{{cookiecutter.project}}"

Outcome = subprocess.CompletedProcess[str]


def run(*command: str | Path, cwd: Path, typed: str = "") -> Outcome:
    return subprocess.run(
        command, cwd=cwd, input=typed, capture_output=True, text=True, check=False
    )


def cookiecutter(template: str | Path, *arguments: str, cwd: Path) -> Outcome:
    return run(BIN / "cookiecutter", template, "--no-input", *arguments, cwd=cwd)


def cruft_create(address: str, cwd: Path, answers: str = "{}") -> Outcome:
    return run(BIN / "cruft", "create", address, "--no-input", "--extra-context", answers, cwd=cwd)


def generate(template: str | Path, output: Path, *answers: str) -> Path:
    """A new project in `output`, which may exist."""
    output.mkdir(parents=True, exist_ok=True)
    outcome = cookiecutter(template, *answers, cwd=output)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    [project] = output.iterdir()
    return project


def copy_template(to: Path) -> Path:
    """The working tree as it is now, without what only this clone holds."""
    personal = shutil.ignore_patterns(
        ".git", ".venv", "venv", "build", ".local", "__pycache__", ".*_cache", "reports"
    )
    return shutil.copytree(ROOT, to, ignore=personal)


def with_tools(project: Path) -> tuple[str, ...]:
    """Arguments for make, which then takes this environment's tools in place of the project's."""
    python = project / "infra/venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH=../vendor exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    paths = f"PYTHONPATH={project}:{project / 'vendor'}"
    installed = (".venv/installed", ".venv/load", "infra/venv/installed")
    return (f"BIN={BIN}", paths, *(f"--assume-old={each}" for each in installed))


def contents(folder: Path) -> dict[str, bytes]:
    """Each file by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def commit_all(folder: Path) -> None:
    for command in ("init --quiet", "add --all", "commit --quiet --message=all"):
        outcome = run("git", *command.split(), cwd=folder)
        assert outcome.returncode == 0, outcome.stderr
