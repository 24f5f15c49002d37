"""What a generated project's pages say, done."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generating import BIN, run

BLOCK = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)
FILE = re.compile(r"in `([\w/]+\.\w+)`")


@pytest.fixture
def mine(project: Path, demo: Path, tmp_path: Path) -> Path:
    copy = shutil.copytree(project, tmp_path / "orders")
    (copy / ".venv").symlink_to(demo / ".venv")
    os.utime(demo / ".venv/installed")
    return copy


def follow(page: Path, project: Path) -> None:
    """Types, applies and writes each block, as a reader would."""
    text, before = page.read_text(), 0
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        if kind == "sh":
            done = run("sh", "-ec", content, cwd=project)
        elif kind == "diff":
            done = run("patch", "--strip=0", cwd=project, typed=f"{content}\n")
        else:
            [named] = FILE.findall(text[before : block.start()])
            (project / named).write_text(f"{content}\n")
            done = None
        assert done is None or done.returncode == 0, done.stdout + done.stderr
        before = block.end()


def test_a_domain_is_added_as_its_page_says(mine: Path) -> None:
    follow(mine / "docs/adding-a-domain.md", mine)
    python = mine / ".venv/bin/python"
    for command in (
        (BIN / "ruff", "check", "--no-cache", "."),
        (BIN / "ruff", "format", "--check", "--no-cache", "."),
        (mine / ".venv/bin/basedpyright", "--pythonpath", python, "app", "tests/test_books.py"),
        (
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("tests/test_books.py", "tests/test_health.py", "tests/test_migrations.py"),
            *("-k", "not memory and not valkey and not cache"),
        ),
    ):
        outcome = run(*command, cwd=mine)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def links(project: Path) -> Iterator[tuple[Path, str]]:
    for page in (project / "README.md", *project.glob("docs/*.md"), *project.glob("infra/**/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            yield page, target


def test_no_link_leads_nowhere(project: Path) -> None:
    found = list(links(project))
    assert len(found) > 10
    assert [(page, to) for page, to in found if not (page.parent / to).exists()] == []


def test_every_command_that_a_page_names_exists(project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in (project / "README.md", *project.glob("docs/*.md"))
        for target in re.findall(r"`?make ([a-z-]+)(?=[ `\n])", page.read_text())
    }
    assert {"dev", "check", "deploy", "rollback", "plan"} <= named
    assert named - targets == set()


def test_every_file_that_a_page_of_delivery_names_exists(project: Path) -> None:
    for page in ("deploying", "numbers", "cost", "removing", "adding-a-domain"):
        text = BLOCK.sub("", (project / f"docs/{page}.md").read_text())
        for path in re.findall(r"`((?:app|infra|components|delivery|tests|load)/[\w/.]+)`", text):
            places = (project / path, project / "infra" / path, project / "vendor/stackkit" / path)
            new = "books" in path
            assert new or any(place.exists() for place in places), f"{page}: {path}"
