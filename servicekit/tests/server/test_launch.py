import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.server.launch import drain
from servicekit.testing.service import environment_of, with_empty_cache
from servicekit.testing.waiting import HANG
from servicekit.tests.clock import ManualClock
from servicekit.tests.served import server_process, wait_for
from servicekit.tests.waiting import wait_until

pytestmark = pytest.mark.slow("starts the service's processes")

UPLOAD = b'{"name": "tea", "price_cents":1}'


@pytest.fixture
def production(settings: Settings) -> Settings:
    empty = with_empty_cache(settings)
    return replace(empty, environment="production", port=free_port(), drain_time=0)


def begun_upload(port: int) -> socket.socket:
    """A connection whose request the service has begun, and whose body it waits for."""
    connection = socket.create_connection(("127.0.0.1", port), HANG)
    connection.sendall(
        b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(UPLOAD)
    )
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return connection


def listening(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_server_answers_on_its_port_and_logs_json(production: Settings) -> None:
    with server_process(production) as process:
        created = httpx.post(
            f"http://127.0.0.1:{production.port}/items", json={"name": "tea", "price_cents": 1}
        )
        assert created.status_code == 201
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert any("granian" in line["message"].lower() for line in lines)


def test_workers_share_one_port(production: Settings) -> None:
    with server_process(replace(production, web_concurrency=2)) as process:
        url = f"http://127.0.0.1:{production.port}/health"
        assert {httpx.get(url).status_code for _ in range(20)} == {200}
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=HANG)
    assert "worker-2" in output


def test_write_in_one_process_removes_the_item_from_anothers_memory(
    production: Settings,
) -> None:
    near = replace(production, memory_cache_ttl=10 * HANG)
    far = replace(near, port=free_port())
    with server_process(near), server_process(far), httpx.Client() as client:
        item = {"name": "tea", "price_cents": 0}
        path = client.post(f"http://127.0.0.1:{near.port}/items", json=item).headers["location"]
        for price in range(1, 6):
            assert client.get(f"http://127.0.0.1:{far.port}{path}").status_code == 200
            client.put(f"http://127.0.0.1:{near.port}{path}", json={**item, "price_cents": price})
            wait_until(
                lambda price=price: (
                    client.get(f"http://127.0.0.1:{far.port}{path}").json()["price_cents"] == price
                )
            )


def test_stopping_server_finishes_requests_in_flight(production: Settings) -> None:
    with server_process(production) as process:
        connection = begun_upload(production.port)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listening(production.port))
        connection.sendall(UPLOAD)
        answer = connection.recv(4096)
        connection.close()
        process.communicate(timeout=HANG)
    assert answer.startswith(b"HTTP/1.1 201 Created")
    assert process.returncode == 0


def test_draining_server_is_not_ready_and_serves_on(
    production: Settings,
) -> None:
    draining = replace(production, drain_time=10 * HANG)
    with server_process(draining) as process, httpx.Client() as client:
        url = f"http://127.0.0.1:{production.port}"
        assert client.get(f"{url}/ready").status_code == 200
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.get(f"{url}/ready").status_code == 503)
        assert client.get(f"{url}/ready").json()["status"] == "stopping"
        assert client.get(f"{url}/items").status_code == 200
        wait_until(lambda: ended_by_another(process))
    assert process.returncode == 0


def ended_by_another(process: subprocess.Popen[str]) -> bool:
    """Sends SIGTERM again: the first one that comes later than the same stop ends the drain."""
    process.send_signal(signal.SIGTERM)
    return process.poll() is not None


def test_server_stops_when_its_drain_is_over(production: Settings) -> None:
    with server_process(replace(production, drain_time=1)) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG)
    assert process.returncode == 0


def test_stalled_upload_ends_with_the_kill_timeout(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRANIAN_WORKERS_KILL_TIMEOUT", "2")
    patient = replace(production, request_timeout=10 * HANG)
    with server_process(patient) as process, begun_upload(production.port):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG)


def test_lost_worker_is_replaced(production: Settings) -> None:
    with server_process(production) as process:
        [granian] = psutil.Process(process.pid).children()
        children = granian.children()
        [worker] = [child for child in children if "resource_tracker" not in str(child.cmdline())]
        worker.kill()
        worker.wait(HANG)
        wait_for(f"http://127.0.0.1:{production.port}/ready", process)


def test_busy_port_is_one_sentence(production: Settings) -> None:
    with socket.create_server(("127.0.0.1", production.port)):
        refused = _start(environment_of(production))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"Can't listen on 127.0.0.1:{production.port}: Address already in use.\n"
    )


def test_missing_variable_is_one_sentence(production: Settings) -> None:
    environment = environment_of(production)
    del environment["DATABASE_URL"]
    refused = _start(environment)

    assert refused.returncode == 1
    assert refused.stderr == (
        "The environment is not usable: Object missing required field `DATABASE_URL`.\n"
    )


def test_unreachable_database_ends_the_start(production: Settings) -> None:
    unreachable = replace(production, database_url=f"postgresql://x@127.0.0.1:{free_port()}/x")
    refused = _start(environment_of(unreachable))

    assert refused.returncode == 1
    assert "The database could not be reached" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    "statement, said",
    [
        (
            "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
            "The database could not be reached: permission denied for database",
        ),
        (
            "CREATE TABLE alembic_version (version_num text)",
            "The database did not say its revision: permission denied for table alembic_version",
        ),
    ],
)
async def test_user_without_a_permission_ends_the_start(
    production: Settings, empty_database_url: str, statement: str, said: str
) -> None:
    address = urlsplit(empty_database_url)
    database = address.path.strip("/")
    user = f"stranger_{database}"
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(statement.format(database=database))
        await connection.execute(f"CREATE ROLE {user} LOGIN")
        url = address._replace(netloc=f"{user}@{address.hostname}:{address.port}").geturl()
        refused = _start(environment_of(replace(production, database_url=url)))
        await connection.execute(f"DROP ROLE {user}")
    finally:
        await connection.close()

    assert refused.returncode == 1
    assert refused.stderr.startswith(said)
    assert refused.stderr.count("\n") == 1


def test_missing_migration_ends_the_start(production: Settings, empty_database_url: str) -> None:
    refused = _start(environment_of(replace(production, database_url=empty_database_url)))

    assert refused.returncode == 1
    assert re.fullmatch(
        r"The database is at revision none and \w+ is needed; `alembic upgrade head` brings it"
        r" there.\n",
        refused.stderr,
    )


def _start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
    )


def family(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    launcher = psutil.Process(process.pid)
    return [launcher, *launcher.children(recursive=True)]


def all_end(processes: list[psutil.Process]) -> bool:
    return psutil.wait_procs(processes, timeout=HANG)[1] == []


TERM, INT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGHUP


@pytest.mark.parametrize(
    "gap, sent",
    [(0.0, (TERM, TERM)), (0.004, (TERM, INT, HUP, TERM)), (0.03, (INT, TERM, HUP))],
)
def test_signals_a_few_ms_apart_leave_nothing(
    production: Settings, sent: tuple[signal.Signals, ...], gap: float
) -> None:
    """While requests wait for the upstream, which does not answer as long as this test runs."""
    own = replace(production, drain_time=0.2, upstream_timeout=0.5)
    with server_process(own) as process, ExitStack() as connections:
        started = family(process)
        for number in range(20):
            connections.enter_context(request_data(production.port, f"signal{number}"))
        for number in sent:
            process.send_signal(number)
            time.sleep(gap)  # as between a terminal's signal and the one that `make` forwards
        assert process.wait(HANG) == 0
        assert all_end(started)


def request_data(port: int, data_id: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /data/%b HTTP/1.1\r\nHost: x\r\n\r\n" % data_id.encode())
    return connection


def test_signals_to_the_whole_group_leave_nothing(production: Settings) -> None:
    with server_process(production) as process:
        started = family(process)
        for number in (TERM, INT, TERM):
            os.killpg(process.pid, number)
            time.sleep(0.003)
        assert all_end(started)


@pytest.mark.parametrize("stage", ["app", "server.preflight", "server.supervisor", "spawn_main"])
def test_signal_during_the_start_leaves_nothing(production: Settings, stage: str) -> None:
    """Of the launcher, its check of the database, the supervisor, or a worker."""
    process = subprocess.Popen([sys.executable, "-m", "app"], env=environment_of(production))
    wait_until(lambda: any(stage in command(member) for member in family(process)))
    started = family(process)
    process.send_signal(TERM)
    process.send_signal(TERM)
    assert process.wait(HANG) in {0, -TERM}
    assert all_end(started)


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.parametrize("killed", ["launcher", "supervisor"])
def test_process_that_is_killed_takes_its_children_along(production: Settings, killed: str) -> None:
    with server_process(replace(production, web_concurrency=2)) as process:
        started = family(process)
        supervisor = psutil.Process(process.pid).children()[0]
        (process if killed == "launcher" else supervisor).kill()
        assert process.wait(HANG) != 0
        assert all_end(started)
    with socket.create_server(("127.0.0.1", production.port)):
        pass  # the port is free again


class Signals:
    """A queue of signals that come so many seconds after each other."""

    def __init__(self, clock: ManualClock, *gaps: float) -> None:
        self._clock = clock
        self._gaps = list(gaps)

    def wait(self, _server: object, seconds: float) -> int | None:
        gap = self._gaps.pop(0) if self._gaps else seconds
        self._clock.advance(min(gap, seconds))
        return TERM if gap < seconds else None


@pytest.mark.parametrize(
    "gaps, ends_after",
    [((), 60.0), ((0.0, 0.4), 60.0), ((0.0, 0.4, 0.2), 0.6), ((7.0,), 7.0)],
    ids=["no other signal", "the same stop", "another stop after it", "another stop"],
)
def test_drain_ends_with_its_time_or_another_stop(
    gaps: tuple[float, ...], ends_after: float
) -> None:
    clock = ManualClock()
    begun = clock()
    drain(cast("Any", None), 60.0, cast("Any", Signals(clock, *gaps)), clock)
    assert clock() - begun == pytest.approx(ends_after)


def test_two_services_need_no_admin_port_by_hand(production: Settings) -> None:
    first, second = production, replace(production, port=free_port())
    environments = [environment_of(one) for one in (first, second)]
    for environment in environments:
        del environment["ADMIN_PORT"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "app"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for environment in environments
    ]
    try:
        for process, one in zip(processes, (first, second), strict=True):
            wait_for(f"http://127.0.0.1:{one.port}/health", process)
        for process in processes:
            process.send_signal(TERM)
        outputs = [process.communicate(timeout=HANG)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    pages = [re.findall(r"metrics at (http://127.0.0.1:9\d+/metrics)", out) for out in outputs]
    assert [len(found) for found in pages] == [1, 1]
    assert pages[0] != pages[1]


def test_kill_timeout_that_is_no_number_is_one_sentence(production: Settings) -> None:
    refused = _start(environment_of(production) | {"GRANIAN_WORKERS_KILL_TIMEOUT": "soon"})
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("GRANIAN_WORKERS_KILL_TIMEOUT has to be a number")
