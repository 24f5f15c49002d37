"""Which version of the service an image is of."""

import subprocess
from pathlib import Path

import pytest

from stackkit.resources.build import build_id, committed


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.test")
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".dockerignore").write_text("*\n!app\n")
    for folder in ("app", "infra"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("1")
    git(tmp_path, "init", "--quiet")
    return tmp_path


def commit(project: Path) -> str:
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "x")
    return git(project, "rev-parse", "HEAD")[:12]


def test_folder_without_a_commit_has_a_build_of_no_commit(project: Path) -> None:
    assert build_id(project) == "uncommitted"
    assert not committed(build_id(project))


def test_folder_outside_of_git_has_a_build_of_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert build_id(tmp_path) == "uncommitted"


def test_machine_without_git_builds_an_image_of_no_commit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(project)
    monkeypatch.setenv("PATH", str(project))
    assert build_id(project) == "uncommitted"


def test_build_is_named_by_the_commit_that_changed_the_image(project: Path) -> None:
    first = commit(project)
    (project / "infra" / "a.txt").write_text("2")
    assert build_id(project) == first
    commit(project)
    assert build_id(project) == first
    assert committed(first)


@pytest.mark.parametrize("name", ["app/a.txt", "app/new.txt", "Dockerfile"])
def test_change_of_the_image_that_is_not_committed_is_marked(project: Path, name: str) -> None:
    first = commit(project)
    (project / name).write_text("2")
    assert build_id(project) == f"{first}-dirty"
    assert not committed(build_id(project))
    assert commit(project) == build_id(project) != first
