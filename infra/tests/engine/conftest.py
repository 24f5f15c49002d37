"""Stacks on the real Pulumi engine; AWS is the simulated account."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from cloud import REGION
from engine.delivery import deliver
from engine.living import LivingStack, simulated_account
from harness import INFRA
from stackkit.tools.rehearse.account import ACCOUNT

POLICIES = ("--policy-pack", "../vendor/stackkit/policy")


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
) -> Iterator[Callable[..., LivingStack]]:
    """Makes stacks without resources, each in an empty account, from a name and keys."""
    with ExitStack() as accounts:

        def make(name: str, bootstrapped: bool = False, **keys: str) -> LivingStack:
            home = tmp_path_factory.mktemp("pulumi")
            (home / "state").mkdir()
            infra = copy_of(project, home)
            named = {"project": "shop", "stack": name, "values": keys, "secrets": []}
            account = accounts.enter_context(simulated_account(REGION, infra, json.dumps(named)))
            stack = LivingStack(
                cli=cli,
                project=infra,
                name=name,
                account=account,
                api=account.api,
                providers=account.providers,
                home=home,
                backend=remote(name) if bootstrapped else f"file://{home}/state",
            )
            bootstrap(stack) if bootstrapped else stack.init()
            stack.set(**keys)
            return stack

        yield make


def bucket(name: str) -> str:
    return f"shop-{name}-state-{ACCOUNT}-{REGION}"


def remote(name: str) -> str:
    return f"s3://{bucket(name)}?region={REGION}"


def bootstrap(stack: LivingStack) -> None:
    """Make the state's bucket and key, and the stack in it; Docker, which builds nothing, runs."""
    stack.install_language_host()
    docker = stack.home / "bin" / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    deliver(stack, "bootstrap")


def copy_of(project: Path, folder: Path) -> Path:
    """The stack's files are written to, so each stack has its own."""
    copy = folder / "project"
    shutil.copytree(project.parent, copy)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    commit(copy)
    return copy / "infra"


def commit(project: Path) -> None:
    """A new version of the service."""
    with (project / "Dockerfile").open("a") as file:
        file.write("# one line more\n")
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    subprocess.run(["git", *author, "commit", "--quiet", "-m", "Change"], cwd=project, check=True)
