import os
import re
import signal
import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.results import LAYERS
from servicekit.dev.processes import free_port
from servicekit.telemetry.metrics import METRICS
from servicekit.testing.service import with_empty_cache
from servicekit.tests.scraping import Series, scrape, settled, total, value
from servicekit.tests.served import server_process

WORKERS = 2


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Settings]:
    """A service of two workers, with its admin port."""
    own = replace(
        with_empty_cache(settings),
        environment="production",
        port=free_port(),
        admin_port=free_port(2),
        web_concurrency=WORKERS,
        db_pool_size=3,
        upstream_timeout=0.5,  # it does not answer while a test runs
    )
    with server_process(own):
        yield own


def test_one_scrape_counts_what_all_workers_answered(running: Settings) -> None:
    base = f"http://127.0.0.1:{running.port}"
    path = httpx.post(f"{base}/items", json={"name": "tea", "price_cents": 1}).headers["location"]
    labels = {"route": "/items/{item_id}", "method": "GET"}
    before = scrape(running.admin_port)
    etag = ""
    for _ in range(60):  # each on a connection of its own, so that all workers get some
        etag = httpx.get(base + path).headers["etag"]
    httpx.get(base + path, headers={"if-none-match": etag})

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    after = settled(
        running.admin_port,
        lambda now: total(now, "http_requests_total", **labels) >= 61,
    )
    assert grown("http_requests_total", **labels, status="200") == 60
    assert grown("http_requests_total", **labels, status="304") == 1
    assert grown("http_request_duration_seconds_count", **labels) == 61
    assert grown("http_request_duration_seconds_sum", **labels) > 0
    reads = {layer: grown("cache_reads_total", cache="item", layer=layer) for layer in LAYERS}
    assert sum(reads.values()) == 61
    assert reads["memory"] >= 55
    assert 1 <= reads["external"] <= WORKERS


def test_every_metric_is_exposed_with_the_labels_that_are_agreed(running: Settings) -> None:
    httpx.get(f"http://127.0.0.1:{running.port}/data/m1")
    series = settled(running.admin_port, lambda now: total(now, "upstream_requests_total") > 0)
    labels: dict[str, set[str]] = {}
    for name, has in series:
        labels.setdefault(re.sub("_(bucket|sum|count)$", "", name), set()).update(dict(has))
    agreed = {metric.name: set(metric.labels) for metric in METRICS.values()}
    assert {name: has - {"le"} for name, has in labels.items()} == agreed


def test_pool_and_process_are_measured(running: Settings) -> None:
    httpx.get(f"http://127.0.0.1:{running.port}/items")
    # each worker reports by itself, and one may be a moment later
    series = settled(
        running.admin_port,
        lambda now: (
            total(now, "database_query_duration_seconds_count") > 0
            and total(now, "database_pool_connections", pool="primary")
            == WORKERS * running.db_pool_size
        ),
    )
    assert value(series, "worker_processes") == WORKERS
    assert value(series, "process_resident_memory_bytes") > WORKERS * 20e6
    assert value(series, "process_open_fds") > 10
    assert value(series, "asyncio_tasks") >= WORKERS
    assert value(series, "event_loop_lag_seconds") >= 0


def test_no_client_can_make_new_series(running: Settings) -> None:
    _send_hostile(running.port, 20)
    settled(running.admin_port, lambda now: _hostile(now) >= 80)
    before = {kind for kind in scrape(running.admin_port) if kind[0] == "http_requests_total"}
    _send_hostile(running.port, 100)
    seen = settled(running.admin_port, lambda now: _hostile(now) >= 480)
    after = {kind for kind in seen if kind[0] == "http_requests_total"}

    assert after == before
    assert len({dict(labels)["method"] for _, labels in after}) <= 8
    assert not any("hostile" in str(labels) for _, labels in seen)


def _hostile(series: Series) -> float:
    return total(series, "http_requests_total", route="(none)")


def _send_hostile(port: int, count: int) -> None:
    for number in range(count):
        for request in (
            f"GET /hostile/{number} HTTP/1.1",
            f"HOSTILE{number} /items HTTP/1.1",
            f"GET /hostile{number}?a=%00%ff HTTP/1.1",
            f"DELETE /%2e%2e/hostile{number} HTTP/1.1",
        ):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(f"{request}\r\nHost: h{number}\r\n\r\n".encode())
                assert connection.recv(64).startswith(b"HTTP/1.1 4")


def test_killed_worker_leaves_its_counts_and_takes_its_gauges(running: Settings) -> None:
    before = settled(running.admin_port, lambda now: value(now, "worker_processes") == WORKERS)
    victim = _workers(running)[0]
    os.kill(victim, signal.SIGKILL)
    starts = value(before, "worker_starts_total") + 1
    after = settled(
        running.admin_port,
        lambda now: (
            value(now, "worker_starts_total") == starts
            and value(now, "worker_processes") == WORKERS
            and total(now, "database_pool_connections") == WORKERS * running.db_pool_size
        ),
    )
    for name, labels in before:
        if name.endswith("_total"):
            assert value(after, name, **dict(labels)) >= value(before, name, **dict(labels))


def test_granian_metrics_are_on_the_next_port(running: Settings) -> None:
    text = httpx.get(f"http://127.0.0.1:{running.admin_port + 1}/metrics").text
    assert re.search(r"^granian_workers_spawns [2-9]$", text, re.MULTILINE)


def test_profile_without_a_secret_is_404(running: Settings) -> None:
    refused = httpx.post(f"http://127.0.0.1:{running.admin_port}/profile?seconds=1")
    assert refused.status_code == 404
    assert refused.text == "Profiling is off: PROFILE_SECRET is not set.\n"


def test_slow_scraper_delays_no_other_request(running: Settings) -> None:
    slow = [socket.create_connection(("127.0.0.1", running.admin_port)) for _ in range(20)]
    for connection in slow:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)  # and reads nothing
    assert httpx.get(f"http://127.0.0.1:{running.port}/items").status_code == 200
    assert scrape(running.admin_port)
    for connection in slow:
        connection.close()


def _workers(running: Settings) -> list[int]:
    """The processes that answer on the service's port."""
    listening = [
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.laddr and connection.laddr.port == running.port and connection.pid
        if connection.status == psutil.CONN_LISTEN
    ]
    return [pid for pid in listening if "spawn_main" in " ".join(psutil.Process(pid).cmdline())]
