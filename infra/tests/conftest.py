import gc
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from cloud import ACCOUNT
from delivering import Clock, DeployScenario, FakeCommands, Session, make_project
from rehearsed import Rehearsals, in_two_processes
from stackkit.tools.deploy import poll_policy as patience

# A program and a simulated account are many objects that live long: a fifth of the time went into
# looking through them for garbage.
gc.set_threshold(100_000, 50, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser" in fixtures:
            item.add_marker(pytest.mark.extra("starts a browser"))
        if "cli" in fixtures:
            item.add_marker(pytest.mark.extra("runs a stack's life on the real engine, in minutes"))


@pytest.fixture(scope="session")
def rehearsals() -> Iterator[Rehearsals]:
    with in_two_processes() as shared:
        yield shared


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    made = FakeCommands(folder)
    made.put("docker", "pulumi")
    return made


@pytest.fixture
def infra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return make_project(tmp_path)


@pytest.fixture
def scenario(
    infra: Path,
    commands: FakeCommands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[DeployScenario]:
    """Signed in, with a stack that nobody else works on."""
    session, clock = Session(), Clock()
    monkeypatch.setattr(boto3, "Session", lambda region_name: session)
    monkeypatch.setattr(patience, "time", clock)
    identity = {"Account": ACCOUNT, "UserId": "me", "Arn": f"arn:aws:iam::{ACCOUNT}:user/me"}
    session.says("sts", "get_caller_identity", identity)
    commands.answer("pulumi", "ls", out=[{"name": "dev"}])
    commands.answer("docker", "info")
    commands.answer("docker", "login")
    commands.answer("docker", "buildx")
    yield DeployScenario(infra, commands, session, capsys, clock)
    session.close()
