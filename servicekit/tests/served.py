"""The service in this process, with the parts that its domains share."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.main import DOMAINS
from app.settings import Settings
from servicekit.overload.loop_lag import EventLoopLag
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.service import serving
from servicekit.testing.waiting import HANG, until


class Served:
    def __init__(self, client: httpx.AsyncClient, parts: Parts[Settings]) -> None:
        self.client = client
        self.parts = parts

    async def in_flight_together(
        self,
        requests: list[Coroutine[Any, Any, httpx.Response]],
        released: asyncio.Event,
    ) -> list[httpx.Response]:
        """The responses to requests that are all in flight before `released` is set."""
        asking = [asyncio.create_task(request) for request in requests]
        await until(lambda: self.parts.admission.in_flight == len(asking))
        released.set()
        return await asyncio.gather(*asking)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Served]:
    """Its event loop may be late for a minute, as on a busy machine, before it sheds load."""
    parts = Parts(settings)
    admission = parts.admission
    admission.lag = EventLoopLag(HANG, admission.queue.wait, admission.had_requests)
    async with serving(service(parts, [declare(parts) for declare in DOMAINS])) as client:
        yield Served(client, parts)
