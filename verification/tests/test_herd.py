"""The generator that `make herd` uses has to be right before its figures mean anything."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.waiting import HANG, until
from verification.client_processes import HerdReport, run
from verification.clients import ThunderingHerd
from verification.machine import connections_per_worker, lacks, workers

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project}}"
COMMAND = (sys.executable, "-m", "verification.herd", "--mode", "cold", "--clients")


async def attack(
    upstream: FakeUpstream, paths: list[str], clients: int, rounds: int = 1, limit: float = HANG
) -> HerdReport:
    port = urlsplit(upstream.url).port
    assert port
    herd = ThunderingHerd(port=port, paths=paths, clients=clients, rounds=rounds, limit=limit)
    return await asyncio.to_thread(run, herd, 2)


async def test_every_request_is_answered_and_was_in_flight_at_once(upstream: FakeUpstream) -> None:
    released = upstream.holds("herd", b"{}" + b" " * 100_000)  # more than one read
    attacking = asyncio.create_task(attack(upstream, ["/herd"], clients=40, rounds=2))
    await until(lambda: upstream.calls["herd"] == 40)
    released.set()
    report = await attacking

    assert (report.opened, report.peak) == (40, 40)
    assert (report.ok, report.never_answered, report.errors) == (80, 0, 0)
    assert 0 < report.p50 <= report.p99 <= report.slowest


@pytest.mark.slow("waits for a limit that a busy machine keeps, too")
async def test_requests_that_get_no_answer_are_counted(upstream: FakeUpstream) -> None:
    released = upstream.holds("late")
    upstream.answers("refused", b"{}", status=503)
    upstream.resets("reset")
    report = await attack(upstream, ["/ok", "/late", "/refused", "/reset"], clients=40, limit=5.0)
    released.set()

    assert (report.ok, report.bad_status, report.never_answered) == (10, 10, 20)
    assert report.errors == 10
    assert report.p99 == float("inf")


def test_missing_files_are_one_sentence_with_a_remedy() -> None:
    sentence = lacks(50_000, workers=4, files=4096)
    assert sentence
    assert "ulimit -Hn 15125" in sentence
    assert "CLIENTS=7984" in sentence
    assert lacks(7984, workers=4, files=4096) is None


@pytest.mark.parametrize(
    "clients, files, count",
    [(50_000, 20_000, 4), (50_000, 15_125, 4), (200, 4096, 4), (100_000, 20_000, 6)],
)
def test_workers_can_hold_all_clients_within_their_files(
    clients: int, files: int, count: int
) -> None:
    assert workers(clients, files) == count
    each = connections_per_worker(clients, count, files)
    assert clients < each * count
    assert each < files


@pytest.mark.extra("starts the whole service and its stores")
def test_herd_of_200_is_answered() -> None:
    outcome = subprocess.run([*COMMAND, "200"], cwd=PROJECT, capture_output=True, text=True)
    assert "200 good, 0 bad, 0 never came" in outcome.stdout, outcome.stderr


@pytest.mark.extra("starts the whole service and its stores")
def test_ctrl_c_ends_all_that_was_started() -> None:
    with subprocess.Popen([*COMMAND, "200"], cwd=PROJECT, stdout=subprocess.PIPE) as herd:
        assert herd.stdout
        herd.stdout.readline()  # what the machine is; the servers start
        while len(started := psutil.Process(herd.pid).children(recursive=True)) < 2:
            os.sched_yield()
        herd.send_signal(signal.SIGINT)
    assert herd.returncode == 1
    assert psutil.wait_procs(started, timeout=2)[1] == []
