from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generating import commit_all, copy_template, generate
from tests.serving import DEMO, ITEM, ask, serving


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither reads nor writes what the person at this machine set up for cookiecutter and git."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "cookiecutterrc"
    settings.write_text(f"cookiecutters_dir: {home}/templates\nreplay_dir: {home}/replay\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COOKIECUTTER_CONFIG", str(settings))
        environment.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        for inherited in ("MAKEFLAGS", "MAKELEVEL"):  # `make test` runs us; a person's make is new
            environment.delenv(inherited, raising=False)
        for person in ("AUTHOR", "COMMITTER"):
            environment.setenv(f"GIT_{person}_NAME", "A Tester")
            environment.setenv(f"GIT_{person}_EMAIL", "tester@example.com")
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_template(tmp_path_factory.mktemp("clone") / "template")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository whose one commit is the working tree."""
    clone = copy_template(tmp_path_factory.mktemp("repository") / "template.git")
    commit_all(clone)
    return clone


@pytest.fixture(scope="session")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of default answers, for tests that only look at it."""
    return generate(template, tmp_path_factory.mktemp("default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An installation of a fresh clone takes a minute: only `make test-all` has one."""
    for item in items:
        if isinstance(item, pytest.Function) and "clone" in item.fixturenames:
            item.add_marker(pytest.mark.extra("installs a fresh clone and a project"))


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone in which `make demo` ran once; one item was made."""
    clone = copy_template(tmp_path_factory.mktemp("demo") / "clone")
    with serving(*DEMO, cwd=clone, log=clone.parent / "log") as address:
        assert ask(f"{address}/items", ITEM)["id"] == 1
    return clone


@pytest.fixture(scope="session")
def demo(clone: Path) -> Path:
    return clone / "build/demo/orders"
