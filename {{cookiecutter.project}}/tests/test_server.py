import json
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from msgspec.structs import replace

from app.local import free_port
from app.settings import Settings
from tests.service import environment_of, server_process, with_empty_cache


@pytest.fixture
def production(settings: Settings) -> Settings:
    return replace(with_empty_cache(settings), environment="production", port=free_port())


def test_server_answers_on_its_port_and_logs_json(production: Settings) -> None:
    with server_process(production) as process:
        created = httpx.post(
            f"http://127.0.0.1:{production.port}/items", json={"name": "tea", "price_cents": 1}
        )
        assert created.status_code == 201
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert any("granian" in line["message"].lower() for line in lines)


def test_workers_share_one_port(production: Settings) -> None:
    with server_process(replace(production, web_concurrency=2)) as process:
        url = f"http://127.0.0.1:{production.port}/health"
        assert {httpx.get(url).status_code for _ in range(20)} == {200}
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert "worker-2" in output


def test_write_in_one_process_reaches_another_within_100_ms(production: Settings) -> None:
    near = replace(production, memory_cache_ttl=60.0)
    far = replace(near, port=free_port())
    with server_process(near), server_process(far), httpx.Client() as client:
        item = {"name": "tea", "price_cents": 0}
        path = client.post(f"http://127.0.0.1:{near.port}/items", json=item).headers["location"]
        for price in range(1, 6):
            assert client.get(f"http://127.0.0.1:{far.port}{path}").status_code == 200
            client.put(f"http://127.0.0.1:{near.port}{path}", json={**item, "price_cents": price})
            time.sleep(0.1)
            seen = client.get(f"http://127.0.0.1:{far.port}{path}").json()
            assert seen["price_cents"] == price


def test_stopping_server_finishes_what_it_began(production: Settings) -> None:
    with server_process(production) as process:
        connection = socket.create_connection(("127.0.0.1", production.port))
        connection.sendall(
            b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 32\r\n\r\n"
        )
        stopping = threading.Timer(0.2, process.send_signal, [signal.SIGTERM])
        stopping.start()
        time.sleep(0.6)
        connection.sendall(b'{"name": "tea", "price_cents":1}')
        answer = connection.recv(4096)
        connection.close()
        process.communicate(timeout=20)
    assert answer.startswith(b"HTTP/1.1 201 Created")
    assert process.returncode == 0


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


def _start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.server"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
