"""The service as the tests of the library reach it: with its parts, or as processes of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx

from app.main import DOMAINS
from app.settings import Settings
from servicekit.overload.loop_lag import EventLoopLag
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.service import environment_of, serving
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


@contextmanager
def server_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """`python -m app`, answering."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{settings.port}/health", process)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the workers, too
        process.communicate()


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"{url} never answered, but this came: {process.communicate()[0]}")
