import asyncio
import os
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from msgspec import UNSET, UnsetType

from servicekit.cache.valkey import Valkey
from servicekit.database.pool import DatabasePool
from servicekit.errors import Unavailable

State = Literal["ok", "unavailable"]


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    status: Literal["ready", "not ready", "stopping"]
    build: str
    database: State
    cache: State
    replica: State | UnsetType = UNSET  # of a service that has one


class ReadinessCheck(msgspec.Struct, frozen=True):
    """Checks the dependencies, each within its own timeout."""

    database: DatabasePool
    replica: DatabasePool
    valkey: Valkey
    build: str
    stopping_file: str | None

    async def run(self) -> Readiness:
        database, replica, cache = await asyncio.gather(
            _state(self.database), _state(self.replica), self._cache()
        )
        status = "ready" if database == replica == cache == "ok" else "not ready"
        if self.stopping():
            status = "stopping"
        return Readiness(
            status=status,
            build=self.build,
            database=database,
            cache=cache,
            replica=UNSET if self.replica is self.database else replica,
        )

    def stopping(self) -> bool:
        """True from SIGTERM on."""
        return self.stopping_file is not None and os.path.exists(self.stopping_file)

    async def _cache(self) -> State:
        return "ok" if await self.valkey.is_available() else "unavailable"


async def _state(database: DatabasePool) -> State:
    try:
        await database.read_value("SELECT 1")
    except Unavailable:
        return "unavailable"
    return "ok"


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
