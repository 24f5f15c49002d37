"""The counts of a worker, as its supervisor has them when the worker ends."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from app.main import create_app
from app.settings import Settings
from servicekit.telemetry.workers import Workers
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import serving, with_empty_cache
from servicekit.testing.waiting import until


class Supervisor:
    def __init__(self) -> None:
        self.workers = Workers()
        self._registry = CollectorRegistry()
        self._registry.register(self.workers)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels)

    @asynccontextmanager
    async def client(
        self, settings: Settings, **changes: object
    ) -> AsyncIterator[httpx.AsyncClient]:
        """The counts of a worker that has reported all of them once the block ends."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "workers"))
            listening = await asyncio.start_unix_server(self.workers.receive, path)
            worker = replace(
                with_empty_cache(settings), admin_port=9100, admin_socket=path, **changes
            )
            async with serving(create_app(worker)) as client:
                yield client
            await until(lambda: self.value("worker_processes") == 0)
            listening.close()


async def test_shed_and_ended_requests_are_counted(
    settings: Settings, upstream: FakeUpstream
) -> None:
    supervisor = Supervisor()
    released = upstream.holds("c1")
    tight = {"max_in_flight": 1, "request_timeout": 0.5, "upstream_timeout": 30.0}
    async with supervisor.client(settings, **tight) as client:
        late = asyncio.create_task(client.get("/data/c1"))
        await until(lambda: upstream.calls["c1"])
        assert (await client.get("/items")).status_code == 503
        assert (await late).status_code == 504
    released.set()
    assert supervisor.value("http_requests_shed_total") == 1
    assert supervisor.value("http_deadlines_exceeded_total") == 1
    assert supervisor.value("http_requests_total", route="(none)", method="GET", status="503") == 1


async def test_outcomes_of_the_upstream_are_counted(
    settings: Settings, upstream: FakeUpstream
) -> None:
    supervisor = Supervisor()
    upstream.answers("c2", b"{}")
    upstream.answers("c3", b"", status=404)
    upstream.answers("c4", b"no JSON")
    async with supervisor.client(settings) as client:
        for data_id in ("c2", "c2", "c3", "c4"):
            await client.get(f"/data/{data_id}")
    outcomes = {
        outcome: supervisor.value("upstream_requests_total", outcome=outcome)
        for outcome in ("ok", "missing", "failed", "timeout", "refused")
    }
    assert outcomes == {"ok": 1, "missing": 1, "failed": 1, "timeout": 0, "refused": 0}
    assert supervisor.value("upstream_request_duration_seconds_count") == 3
    assert supervisor.value("cache_reads_total", cache="data", layer="missing") == 1
    assert supervisor.value("cache_reads_total", cache="data", layer="memory") == 1


async def test_corrupt_entries_and_invalidations_are_counted(
    settings: Settings, redis_url: str
) -> None:
    supervisor = Supervisor()
    async with Redis.from_url(redis_url) as redis, supervisor.client(settings) as client:
        item = {"name": "tea", "price_cents": 1}
        path = (await client.post("/items", json=item)).headers["location"]
        keys = [key async for key in redis.scan_iter("*")]
        await client.get(path)
        (key,) = {key async for key in redis.scan_iter("*item:*")} - set(keys)
        await client.put(path, json=item)
        await redis.set(key, b"garbage")
        await client.get(path)
    assert supervisor.value("cache_corrupt_total", cache="item") == 1
    assert supervisor.value("cache_invalidations_total", cache="item", origin="local") == 2
    assert supervisor.value("cache_invalidations_total", cache="item", origin="remote") == 0


async def test_counts_of_an_ended_worker_are_kept(settings: Settings) -> None:
    supervisor = Supervisor()
    for _ in range(2):
        async with supervisor.client(settings) as client:
            await client.get("/items")
    answered = supervisor.value("http_requests_total", route="/items", method="GET", status="200")
    assert answered == 2
    assert supervisor.value("worker_starts_total") == 2
    assert supervisor.value("database_pool_connections", pool="primary", state="idle") is None
