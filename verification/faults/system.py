"""The whole of it on one machine: stores, an upstream behind a proxy, and the service."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from servicekit.dev.processes import free_port, service
from servicekit.dev.servers import alembic, postgres, valkey
from servicekit.dev.upstream import StandInUpstream
from verification import PROJECT
from verification.faults.proxy import Proxy
from verification.faults.store import Store


@dataclass(frozen=True)
class ServiceUnderTest:
    """The service, started; `settings` are those that differ from the defaults."""

    port: int
    process: psutil.Process
    log: Path
    prefix: str  # of its keys in Valkey
    admin_url: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        """The processes that answer: those below which there is none."""
        workers = []
        for process in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if not process.children() and "resource_tracker" not in str(process.cmdline()):
                    workers.append(process)
        return workers


class System:
    def __init__(self, folder: Path, upstream: StandInUpstream, proxy: Proxy) -> None:
        self.folder = folder
        # What the kernel has outlives a kill -9. A disk that others keep busy is none of the rows.
        self.postgres = Store(partial(postgres, fsync="off"), folder)
        self.valkey = Store(valkey, folder)
        self.upstream = upstream
        self.proxy = proxy

    @classmethod
    @asynccontextmanager
    async def starting(cls, folder: Path, seed: int) -> AsyncIterator["System"]:
        with StandInUpstream.serving(0.05) as upstream:
            async with Proxy.serving(upstream.url, seed) as proxy:
                system = cls(folder, upstream, proxy)
                try:
                    await asyncio.to_thread(system._start)
                    yield system
                finally:
                    await asyncio.to_thread(system._stop)

    def _start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        migrated = alembic(self.environment(), "upgrade", "head", project=PROJECT)
        migrated.check_returncode()

    def _stop(self) -> None:
        self.postgres.stop()
        self.valkey.stop()

    def environment(self, **settings: object) -> dict[str, str]:
        urls = {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "UPSTREAM_URL": self.proxy.url,
        }
        return urls | {name.upper(): str(value) for name, value in settings.items()}

    @asynccontextmanager
    async def service(self, **settings: object) -> AsyncIterator[ServiceUnderTest]:
        """A service whose keys no cache holds yet."""
        defaults: dict[str, object] = {
            "port": free_port(),
            "admin_port": 0,
            "drain_time": 0.1,  # most rows have no load balancer
            "cache_prefix": f"faults-{secrets.token_hex(4)}:",
        }
        own = defaults | settings
        folder = self.folder / f"service-{time.monotonic_ns()}"
        folder.mkdir()
        running = service(folder, self.environment(**own), PROJECT)
        started = ExitStack()
        port, process = await asyncio.to_thread(started.enter_context, running)
        log = folder / f"service-{port}.log"
        try:
            prefix, admin = str(own["cache_prefix"]), f"http://127.0.0.1:{own['admin_port']}"
            yield ServiceUnderTest(port, psutil.Process(process), log, prefix, admin)
        finally:
            await asyncio.to_thread(started.close)

    async def items(self, count: int, description: str = "") -> list[str]:
        """The paths of so many new items."""
        rows = await self.sql(
            "INSERT INTO items (name, price_cents, description)"
            " SELECT 'tea', n, $2 FROM generate_series(1, $1) n RETURNING id",
            count,
            description,
        )
        return [f"/items/{row['id']}" for row in rows]

    async def sql(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.postgres.url, timeout=10)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()
