import asyncio
import os
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from servicekit.cache.valkey import Valkey
from servicekit.database.pool import Database
from servicekit.errors import Unavailable

State = Literal["ok", "unavailable"]


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    status: Literal["ready", "not ready", "stopping"]
    build: str
    database: State
    cache: State


class ReadinessCheck(msgspec.Struct, frozen=True):
    """Checks the dependencies, each within its own timeout."""

    database: Database
    valkey: Valkey
    build: str
    stopping_file: str | None

    async def run(self) -> Readiness:
        database, cache = await asyncio.gather(self._database(), self._cache())
        status = "ready" if database == cache == "ok" else "not ready"
        if self.stopping():
            status = "stopping"
        return Readiness(status=status, build=self.build, database=database, cache=cache)

    def stopping(self) -> bool:
        """True from SIGTERM on."""
        return self.stopping_file is not None and os.path.exists(self.stopping_file)

    async def _database(self) -> State:
        try:
            await self.database.read_value("SELECT 1")
        except Unavailable:
            return "unavailable"
        return "ok"

    async def _cache(self) -> State:
        return "ok" if await self.valkey.is_available() else "unavailable"


@get("/health", tags=["health"])
async def health() -> Health:
    """The load balancer's check: this process answers. It touches no dependency: the failure of one
    would take every node out of service at once."""
    return Health()


@get(
    "/ready",
    tags=["health"],
    responses={503: ResponseSpec(Readiness, generate_examples=False)},
)
async def ready(readiness_check: NamedDependency[ReadinessCheck]) -> Response[Readiness]:
    """For deploy gates, people and alarms: 200, or 503 with the state of each dependency. Load
    balancers that ask it stop sending when the service is about to stop."""
    readiness = await readiness_check.run()
    return Response(readiness, status_code=200 if readiness.status == "ready" else 503)
