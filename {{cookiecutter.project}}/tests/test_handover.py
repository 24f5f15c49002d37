"""What Granian hands over comes to the event loop a few calls at a time, and none is lost."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

import httpx
from litestar.types import Scope

from app.handover import Handover
from app.lag import let_in
from app.local import free_port
from app.server import GRANIAN
from tests.service import wait_for


async def test_line_lets_a_few_in_each_turn_and_in_the_order_in_which_they_came() -> None:
    loop = asyncio.get_running_loop()
    entered: list[int] = []
    async with Handover(lambda: 0).lifespan():
        for number in range(1_000):
            loop.call_soon_threadsafe(entered.append, number, context=copy_context())
        turns = 0
        while len(entered) < 1_000:
            before = len(entered)
            await asyncio.sleep(0)
            turns += 1
            assert len(entered) - before <= 16
    assert entered == list(range(1_000))
    assert turns >= 1_000 / 16


async def test_nobody_waits_in_line_while_requests_are_refused() -> None:
    loop = asyncio.get_running_loop()
    refused = 0
    entered: list[int] = []
    async with Handover(lambda: refused).lifespan():
        refused = 1
        for number in range(1_000):
            loop.call_soon_threadsafe(entered.append, number, context=copy_context())
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(entered) == 1_000


async def test_nothing_is_lost_between_threads_nor_at_the_end() -> None:
    loop = asyncio.get_running_loop()
    entered: list[int] = []

    def hand_over() -> None:
        for number in range(5_000):
            loop.call_soon_threadsafe(entered.append, number, context=copy_context())
            if number % 100 == 0:
                time.sleep(0.0001)

    async with Handover(lambda: 0).lifespan():
        threads = [threading.Thread(target=hand_over) for _ in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        for number in range(100):
            loop.call_soon_threadsafe(entered.append, number, context=copy_context())
    assert "call_soon_threadsafe" not in vars(loop)
    for _ in range(20_100):  # turns: more than all can need
        await asyncio.sleep(0)
    assert len(entered) == 20_100


async def test_calls_of_others_pass_by_the_line_and_can_be_cancelled() -> None:
    loop = asyncio.get_running_loop()
    entered: list[str] = []
    async with Handover(lambda: 0).lifespan():
        for _ in range(100):
            loop.call_soon_threadsafe(entered.append, "request", context=copy_context())
        loop.call_soon_threadsafe(entered.append, "cancelled").cancel()
        loop.call_soon_threadsafe(entered.append, "other")
        await let_in()
    assert entered.index("other") <= 32
    assert entered.count("request") == 100
    assert "cancelled" not in entered


def test_requests_of_granian_stand_in_line() -> None:
    """Each is handed over with a context; else the line would be empty, and turns long again."""
    port = free_port()
    settings = {**os.environ, **GRANIAN, "GRANIAN_FACTORY": "false", "GRANIAN_PORT": str(port)}
    command = [sys.executable, "-m", "granian", f"{__name__}:counting"]
    with subprocess.Popen(
        command, env=settings | {"GRANIAN_HOST": "127.0.0.1"}, text=True
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            before = int(httpx.get(f"http://127.0.0.1:{port}/").text)
            assert int(httpx.get(f"http://127.0.0.1:{port}/").text) > before
        finally:
            process.terminate()


class _Counting(Handover):
    handed = 0

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, **context: Any):
        self.handed += bool(context)
        return super().call_soon_threadsafe(callback, *args, **context)


_handover = _Counting(lambda: 0)


async def counting(
    scope: Scope,
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Answers how many calls have stood in line."""
    if scope["type"] == "lifespan":
        async with _handover.lifespan():
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % _handover.handed})
