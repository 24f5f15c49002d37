import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Self
from urllib.parse import urlsplit

Toxin = Literal["none", "slow", "black hole", "half reset", "refused"]


class Proxy:
    """A TCP proxy that is told how to mistreat what passes from now on.

    `slow` holds each piece of an answer back for `delay` seconds, `black hole` swallows both
    directions, `half reset` resets every second connection when its answer comes, and `refused`
    resets new connections at once.
    """

    def __init__(self, target: str, seed: int) -> None:
        parts = urlsplit(target)
        self.url = ""
        self.toxin: Toxin = "none"
        self.delay = 10.0  # seconds
        self._target = (parts.hostname, parts.port)
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def serving(cls, target: str, seed: int) -> AsyncIterator[Self]:
        proxy = cls(target, seed)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0, backlog=4096)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            for task in proxy._tasks:
                task.cancel()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.toxin == "refused":
            return writer.transport.abort()
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            return writer.transport.abort()
        try:
            await asyncio.gather(self._ask(reader, back), self._answer(there, writer))
        except (OSError, asyncio.CancelledError):
            pass  # either side has left
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.toxin != "black hole":
                writer.write(data)
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.toxin == "slow":
                await asyncio.sleep(self.delay)
            if self.toxin == "half reset" and self._random.random() < 0.5:
                return writer.transport.abort()
            if self.toxin != "black hole":
                writer.write(data)
        writer.transport.abort()
