import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import urlsplit


class Wire:
    """A TCP proxy before PostgreSQL or Valkey. It can stop forwarding, close all connections, lose
    an answer to a statement that was carried out, or lead new connections to another server."""

    def __init__(self, target: str) -> None:
        self.loses = b""  # the next answer in which this stands is lost, and all connections
        self._target = urlsplit(target)
        self._open = asyncio.Event()
        self._open.set()
        self._ends: list[asyncio.WriteTransport] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def laid(cls, target: str) -> AsyncIterator[Self]:
        wire = cls(target)
        await wire.mend()
        try:
            yield wire
        finally:
            wire.thaw()
            wire.cut()

    @property
    def url(self) -> str:
        user = f"{self._target.username}@" if self._target.username else ""
        netloc = f"{user}127.0.0.1:{self.port}"
        return self._target._replace(netloc=netloc).geturl()

    def leads_to(self, target: str) -> None:
        """From now on, new connections go to `target`."""
        self._target = urlsplit(target)

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()

    def drop(self) -> None:
        while self._ends:
            self._ends.pop().abort()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._ends += [writer.transport, target[1].transport]
        there = self._carry(reader, target[1], answers=False)
        await asyncio.gather(there, self._carry(target[0], writer, answers=True))

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        try:
            while data := await source.read(65536):
                await self._open.wait()
                if answers and self.loses and self.loses in data:
                    self.loses = b""
                    return self.drop()
                target.write(data)
        except ConnectionError:
            pass
        finally:
            target.transport.abort()
