"""Over an existing project, and from a template that someone worked in."""

import shutil
from pathlib import Path

import pytest

from tests.generating import SERVICE, contents, cookiecutter, generate

CACHES = (
    "__pycache__/x.cpython-311.pyc",
    ".pytest_cache/README.md",
    ".ruff_cache/0.15/1",
    ".mypy_cache/3.11/cache.json",
    ".hypothesis/examples/1",
    "reports/load.html",
)


@pytest.fixture
def used_template(template: Path, tmp_path: Path) -> Path:
    """Tools ran in each of its folders, and left what Jinja can't even read."""
    used = shutil.copytree(template, tmp_path / "used")
    for folder in (SERVICE, f"{SERVICE}/app", f"{SERVICE}/tests", "infra", "infra/tests"):
        for cache in CACHES:
            file = used / folder / cache
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{{ nothing that renders")
    return used


def test_caches_stay_in_the_template(used_template: Path, tmp_path: Path, project: Path) -> None:
    again = generate(used_template, tmp_path / "output")
    assert contents(again) == contents(project)
    assert not list(again.rglob("__pycache__"))


@pytest.mark.slow("generates a project twice")
def test_second_run_changes_nothing(template: Path, tmp_path: Path, project: Path) -> None:
    generate(template, tmp_path)
    assert cookiecutter(template, "--overwrite-if-exists", cwd=tmp_path).returncode == 0
    assert contents(tmp_path / "orders") == contents(project)


@pytest.mark.slow("generates a project twice")
def test_second_run_keeps_what_the_project_added(template: Path, tmp_path: Path) -> None:
    mine = generate(template, tmp_path)
    for name in (
        ".venv/pyvenv.cfg",
        ".local/PG_VERSION",
        "app/billing/__init__.py",
        ".env",
        "infra/Pulumi.staging.yaml",
        "infra/venv/pyvenv.cfg",
        "app/__pycache__/x.pyc",
        "reports/mine.html",
    ):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text("mine")
    before = contents(mine)
    assert cookiecutter(template, "--overwrite-if-exists", cwd=tmp_path).returncode == 0
    assert contents(mine) == before


@pytest.mark.parametrize("name", [".venv", ".local", "infra/venv"])
def test_template_with_an_environment_or_data_in_its_project_is_refused(
    template: Path, tmp_path: Path, name: str
) -> None:
    used = shutil.copytree(template, tmp_path / "used")
    (used / SERVICE / name).mkdir()
    mine = generate(template, tmp_path / "output")
    (mine / name).mkdir()
    (mine / name / "PG_VERSION").write_text("17")
    before = contents(mine)
    outcome = cookiecutter(used, "--overwrite-if-exists", cwd=mine.parent)
    assert outcome.stderr == (
        f"The template's {name} would overwrite a project's: delete {used / SERVICE / name}.\n"
    )
    assert outcome.returncode == 1
    assert contents(mine) == before
