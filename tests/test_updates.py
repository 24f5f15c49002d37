"""A project follows its template: what changed there arrives, and what its people changed stays."""

import os
import shutil
from pathlib import Path

import pytest

from tests.generating import BIN, SERVICE, Outcome, commit_all, cruft_create, run

pytestmark = pytest.mark.extra("generates, updates and checks a project by cruft")

# an older version: each kind of file that a project has from the template, as it was before
OLDER = (
    (f"{SERVICE}/app/health.py", "    status: Literal", "    state: Literal"),
    (f"{SERVICE}/Makefile", "## show this list", "## list"),
    (f"{SERVICE}/README.md", "## The API", "## An API"),
    (f"{SERVICE}/pyproject.toml", '"granian[uvloop]', '"granian  [uvloop]'),
    (f"{SERVICE}/infra/Pulumi.yaml", "description: The VPC's private", "description: A private"),
    (f"{SERVICE}/.github/workflows/check.yml", "timeout-minutes: 20", "timeout-minutes: 25"),
    ("infra/stackkit/plan/plan.py", '"""', '"""Older. '),
    ("hooks/post_gen_project.py", '"""Completes', '"""Makes'),
)
ADDED = (
    f"{SERVICE}/app/limits.py",
    "infra/stackkit/tools/report/columns.py",
    f"{SERVICE}/.dockerignore",
)
# what people do to a project of theirs
EDITS = (
    ("README.md", "\n", "\nWhose this is: the orders' team.\n"),
    ("infra/overrides.py", "] = {}", '] = {("aws:sns/topic:Topic", "*"): {}}'),
    ("infra/Pulumi.dev.yaml", 'upstream_url": ""', 'upstream_url": "https://up.example.com"'),
    ("app/items/models.py", "max_length=200", "max_length=100"),
)


@pytest.fixture
def template(repository: Path, tmp_path: Path) -> Path:
    """The repository at an older version, tagged; its newest commit is yet to come."""
    ours = shutil.copytree(repository, tmp_path / "template.git")
    for file, now, before in OLDER:
        edit(ours / file, now, before)
    for file in ADDED:
        (ours / file).unlink()
    commit_all(ours)
    assert run("git", "tag", "v0.1.0", cwd=ours).returncode == 0
    return ours


@pytest.fixture
def mine(template: Path, tmp_path: Path) -> Path:
    """A project of that version, in use."""
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    outcome = cruft_create(f"file://{template}", cwd=workplace)
    assert outcome.returncode == 0, outcome.stderr
    project = workplace / "orders"
    for file, before, now in EDITS:
        edit(project / file, before, now)
    (project / "app/billing").mkdir()
    (project / "app/billing/__init__.py").write_text("RATE = 19\n")
    shutil.rmtree(project / "docs")
    commit_all(project)
    return project


def edit(file: Path, before: str, now: str) -> None:
    text = file.read_text()
    assert before in text, f"{file} holds no {before!r} any more: choose another edit"
    file.write_text(text.replace(before, now, 1))


def copied_to(file: str) -> str:
    """Where a file of the template lies in a project."""
    return file.removeprefix(f"{SERVICE}/").replace("infra/stackkit", "vendor/stackkit")


def release(template: Path, newest: Path) -> None:
    """The newest version, as the next commit."""
    for entry in (entry for entry in template.iterdir() if entry.name != ".git"):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(
        newest, template, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"), symlinks=True
    )
    commit_all(template)


def cruft(*arguments: str, cwd: Path) -> Outcome:
    return run(BIN / "cruft", *arguments, cwd=cwd)


def test_update_brings_what_changed_and_keeps_what_was_edited(
    mine: Path, template: Path, repository: Path, demo: Path
) -> None:
    assert cruft("check", cwd=mine).returncode == 0
    release(template, repository)
    assert cruft("check", cwd=mine).returncode == 1

    outcome = cruft("update", "--skip-apply-ask", cwd=mine)

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert cruft("check", cwd=mine).returncode == 0
    assert [str(path) for path in mine.rglob("*.rej")] == []
    for file, now, _ in OLDER:
        if not file.startswith("hooks"):
            assert now in (mine / copied_to(file)).read_text(), file
    for file in ADDED:
        assert (mine / copied_to(file)).is_file(), file
    for file, _, ours in EDITS:
        assert ours in (mine / file).read_text(), file
    assert (mine / "app/billing/__init__.py").read_text() == "RATE = 19\n"
    assert not (mine / "docs").exists()
    check(mine, demo)


def test_diff_shows_what_the_project_has_changed(mine: Path) -> None:
    shown = cruft("diff", cwd=mine).stdout
    for file, _, _ in EDITS:
        assert f"/{file}\n" in shown
    assert "Whose this is: the orders' team." in shown
    assert "max_length=200" in shown


def check(project: Path, demo: Path) -> None:
    """Its own checks, as far as an update could hurt them: lint, and the API's tests."""
    (project / ".venv").symlink_to(demo / ".venv")
    os.utime(demo / ".venv/installed")
    linted = run(BIN / "ruff", "check", "--no-cache", ".", cwd=project)
    assert linted.returncode == 0, linted.stdout
    tested = run(
        project / ".venv/bin/python",
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/test_health.py", "tests/test_problems.py", "tests/test_settings.py"),
        cwd=project,
    )
    assert tested.returncode == 0, tested.stdout
