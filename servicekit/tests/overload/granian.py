"""Requests as Granian hands them to the event loop."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from types import SimpleNamespace
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


class RsgiRequest:
    """One that is handed over with what its coroutine is called with, as by RSGI."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, begun: list[str]) -> None:
        self.replies: list[str] = []

        async def request() -> None:
            begun.append(name)

        def begin(coroutine: Coroutine[Any, Any, None], _given: object) -> None:
            with suppress(StopIteration):
                coroutine.send(None)

        self._coroutine = request()
        protocol = SimpleNamespace(response_bytes=self.replies.append)
        given = SimpleNamespace(scope=name, proto=protocol)
        loop.call_soon_threadsafe(begin, self._coroutine, given, context=_outside)

    @property
    def is_over(self) -> bool:
        return inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CLOSED
