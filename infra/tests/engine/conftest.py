"""Stacks on the real Pulumi engine; AWS is the simulated account."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from engine.aws.stack import Stack, simulated_account
from harness import INFRA

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def cli() -> Path:
    """The Pulumi CLI; a machine of CI without one fails, any other leaves these tests out."""
    found = subprocess.run([Path(__file__).with_name("build")], capture_output=True, text=True)
    if found.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(found.stderr)
    return Path(found.stdout.strip())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """infra/ of a project as generated."""
    made = cookiecutter(
        str(INFRA.parent),
        no_input=True,
        default_config=True,
        extra_context={"project": "shop", "aws_region": REGION},
        output_dir=str(tmp_path_factory.mktemp("project")),
    )
    return Path(made, "infra")


@pytest.fixture(scope="module")
def new_stack(
    cli: Path, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Stack]]:
    """Makes stacks without resources, each in an empty account, from a name and keys."""
    with ExitStack() as accounts:

        def make(name: str, **keys: str) -> Stack:
            home = tmp_path_factory.mktemp("pulumi")
            (home / "state").mkdir()
            stack = Stack(
                cli=cli,
                project=copy_of(project, home),
                name=name,
                account=accounts.enter_context(simulated_account(REGION)),
                home=home,
                backend=f"file://{home}/state",
            )
            stack.init()
            stack.set(**keys)
            return stack

        yield make


def copy_of(project: Path, folder: Path) -> Path:
    """The stack's files are written to, so each stack has its own."""
    shutil.copytree(project.parent, folder / "project")
    return folder / "project" / "infra"
