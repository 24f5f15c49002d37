"""`cruft update` from the last version before vendor/: edits are kept or reported, never lost."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.generating import (
    BIN,
    ROOT,
    Outcome,
    commit_all,
    contents,
    copy_template,
    cruft_create,
    generate,
    run,
)

pytestmark = pytest.mark.extra("generates and updates a project by cruft")

BEFORE = "a29173d93204a29e155ce9a415bf5ade4564395e"  # no later commit has the layout of version 1
# what a team edits: file, before, after
EDITS = (
    ("README.md", "\n", "\nOwned by the orders team.\n"),
    ("infra/Pulumi.prod.yaml", 'alarm_email": ""', 'alarm_email": "orders@example.com"'),
    ("app/items/models.py", "max_length=200", "max_length=100"),
)
# edits of files that the next version changes much, moves, or removes
EDITED_RUNTIME = ("app/main.py", "app/breaker.py", "infra/plan.py")
NOTE = "# a note of the orders team"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """The template's repository at the last commit of version 1."""
    clone = tmp_path / "template.git"
    cloned = run("git", "clone", "--quiet", "--no-checkout", ROOT, clone, cwd=tmp_path)
    found = run("git", "checkout", "--quiet", "-B", "released", BEFORE, cwd=clone)
    if cloned.returncode or found.returncode:
        pytest.skip(f"this copy of the template lacks the history back to {BEFORE[:7]}")
    return clone


@pytest.fixture
def mine(releases: Path, tmp_path: Path) -> Path:
    """A project of version 1, in use."""
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    outcome = cruft_create(f"file://{releases}", cwd=workplace)
    assert outcome.returncode == 0, outcome.stderr
    project = workplace / "orders"
    for file, before, after in EDITS:
        edit(project / file, before, after)
    (project / "app/billing").mkdir()
    (project / "app/billing/__init__.py").write_text("RATE = 19\n")
    commit_all(project)
    return project


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text, f"{file} holds no {before!r} any more: choose another edit"
    file.write_text(text.replace(before, after, 1))


def release(releases: Path) -> None:
    """The working tree, as the next commit."""
    for entry in (entry for entry in releases.iterdir() if entry.name != ".git"):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    personal = shutil.ignore_patterns(".git", ".venv", "venv", "build", ".local")
    shutil.copytree(ROOT, releases, dirs_exist_ok=True, ignore=personal)
    commit_all(releases)


def cruft(*arguments: str, cwd: Path) -> Outcome:
    return run(BIN / "cruft", *arguments, cwd=cwd)


def update(project: Path) -> None:
    outcome = cruft("update", "--skip-apply-ask", cwd=project)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def own_files(project: Path) -> dict[str, bytes]:
    return {
        path: text
        for path, text in contents(project).items()
        if not path.startswith((".git/", "app/billing/")) and path != ".cruft.json"
    }


def test_updated_project_is_a_new_one_with_the_edits_of_its_team(
    mine: Path, releases: Path, template: Path, tmp_path: Path
) -> None:
    release(releases)
    assert cruft("check", cwd=mine).returncode == 1
    update(mine)
    assert cruft("check", cwd=mine).returncode == 0
    assert (mine / "app/billing/__init__.py").read_text() == "RATE = 19\n"
    # Lines around these edits changed: the edits stay, and the template's lines are reported.
    rejected = {str(path.relative_to(mine)) for path in mine.rglob("*.rej")}
    assert rejected == {"app/items/models.py.rej", "infra/Pulumi.prod.yaml.rej"}

    expected = generate(template, tmp_path / "expected")
    for file, before, after in EDITS:
        edit(expected / file, before, after)
        assert after in (mine / file).read_text()
    reported = rejected | {file.removesuffix(".rej") for file in rejected}
    kept = {file: text for file, text in own_files(mine).items() if file not in reported}
    wanted = {file: text for file, text in own_files(expected).items() if file not in reported}
    assert kept == wanted


def test_edit_of_a_file_that_goes_is_kept_or_reported_and_listed(
    mine: Path, releases: Path
) -> None:
    for file in EDITED_RUNTIME:
        with (mine / file).open("a") as opened:
            opened.write(f"\n{NOTE}\n")
    commit_all(mine)
    release(releases)

    listed = run(sys.executable, ROOT / "scripts/edited_files.py", cwd=mine)
    assert listed.stdout.split() == ["app/breaker.py", "infra/plan.py"], listed.stderr

    update(mine)
    assert NOTE in (mine / "app/main.py").read_text()
    assert (mine / "app/main.py.rej").is_file()
    assert NOTE in (mine / "app/breaker.py").read_text()
    plans = [path.read_text() for path in mine.rglob("plan.py*")]  # plan.py.rej, too
    assert any(NOTE in text for text in plans)


def test_diff_shows_what_the_project_has_changed(mine: Path) -> None:
    shown = cruft("diff", cwd=mine).stdout
    for file, _, after in EDITS:
        assert f"/{file}\n" in shown
        assert after.strip() in shown


def test_update_from_a_version_with_other_checks_of_answers(tmp_path: Path) -> None:
    """cruft renders both versions in one process, which loads the older one's extension only."""
    releases = copy_template(tmp_path / "template.git")
    edit(releases / "template_answers.py", 'globals["check_', 'globals["once_')
    edit(releases / "template_answers.py", 'globals["check_', 'globals["once_')
    commit_all(releases)
    assert cruft_create(f"file://{releases}", cwd=tmp_path).returncode == 0
    commit_all(tmp_path / "orders")
    release(releases)
    update(tmp_path / "orders")
