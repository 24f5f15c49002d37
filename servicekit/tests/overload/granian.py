"""Requests as Granian hands them to the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import Any

_outside = copy_context()


def hand_over(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: object
) -> None:
    """Calls `callback` as a request: a coroutine, and its first step, in a context of its own."""

    async def request() -> None:
        callback(*args)

    def begin(coroutine: Coroutine[Any, Any, None]) -> None:
        with suppress(StopIteration):
            coroutine.send(None)

    loop.call_soon_threadsafe(begin, request(), context=_outside)
