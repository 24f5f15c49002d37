"""Three nodes behind a load balancer: which of them serves a request doesn't matter."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicekit.settings import Settings
from verification import balancer, node_equivalence, node_loss
from verification.nodes import NodeGroup, running

pytestmark = pytest.mark.extra("starts three nodes behind HAProxy")

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project}}"


@pytest.fixture
def fleet(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGroup]:
    try:
        balancer.program()
    except balancer.StartError as missing:
        pytest.skip(str(missing))
    urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    with running(tmp_path_factory.mktemp("fleet"), urls) as fleet:
        yield fleet


def test_any_node_serves_any_request(fleet: NodeGroup) -> None:
    asked = node_equivalence.any_node([node.port for node in fleet.nodes])
    assert (asked.requests, asked.wrong) == (60, 0)


def test_a_write_is_seen_by_all_nodes(fleet: NodeGroup) -> None:
    """`make fleet` prints within which time."""
    assert len(node_equivalence.invalidation([node.port for node in fleet.nodes], writes=5)) == 30


def test_lost_node_fails_only_its_own_requests_in_flight(fleet: NodeGroup) -> None:
    lost = node_loss.of_one(fleet, rate=100, seconds=3)
    assert lost.requests == 300
    assert lost.held > 0
    assert lost.lost > 0
    assert lost.only_its_own, lost.describe()
    assert sum(lost.outcomes.values()) == 300


def test_a_missing_balancer_is_one_sentence() -> None:
    code = (
        "from verification import balancer; balancer._PROGRAM_PATH = '';"
        " from verification.fleet import main; main()"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {"PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 1
    assert outcome.stderr == "haproxy is not on PATH: install it (apt install haproxy).\n"
