import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import asyncpg
import msgspec

from servicekit.database.pool import DatabasePool
from servicekit.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")

_MAX_ROWS = 100  # of one statement
# One row is at fault, not the connection or the server: the others can be written.
_OF_ONE_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


class WriteBatches(Generic[T, R]):
    """Carries out writes that arrive together by one statement, so that they share its round trip
    and its commit.

    An idle service waits for nothing: the first write goes out in the same turn of the event loop,
    and writes that arrive while two statements are under way form the next one. If a row violates
    a constraint, each write of its statement is carried out alone, so that it fails alone.
    """

    def __init__(
        self, database: DatabasePool, write_all: Callable[..., Awaitable[Sequence[R | None]]]
    ) -> None:
        """`write_all(values, waits=False)` gives the results in the order of the values. None is
        for each that it left out because another transaction has locked its row; that one is
        written alone, by `write_all([value], waits=True)`."""
        self._write_all = write_all
        self._batches = database.batcher(self._run, _MAX_ROWS, reads=False)
        # Of each key, done when the last of its writes has ended. A lock would cost each 4 µs.
        self._last: dict[Hashable, asyncio.Future[None]] = {}

    async def write(self, value: T, key: Hashable = None) -> R | None:
        """What `write_all` gives for the value, once it is committed. A caller that is cancelled
        leaves the others as they are; its value is written if its statement was sent before.

        Writes of one `key` are carried out one after the other, in the order of their arrival: if
        many write one row, they take one connection and not all.
        """
        if key is None:
            return await self._write(value)
        before, ended = self._last.get(key), asyncio.get_running_loop().create_future()
        self._last[key] = ended
        try:
            if before is not None:
                await asyncio.shield(before)
            return await self._write(value)
        finally:
            self._end(key, ended, before)

    def _end(
        self, key: Hashable, ended: "asyncio.Future[None]", before: "asyncio.Future[None] | None"
    ) -> None:
        if before is not None and not before.done():  # it was cancelled while it waited
            before.add_done_callback(lambda _: self._end(key, ended, before))
            return
        ended.set_result(None)
        if self._last[key] is ended:
            del self._last[key]

    async def _write(self, value: T) -> R | None:
        result = await self._batches.get(_Write(value))
        if result is None:
            [result] = await self._write_all([value], waits=True)
        return result

    async def _run(self, writes: "list[_Write[T]]") -> "Mapping[_Write[T], R | None]":
        try:
            results = await self._write_all([write.value for write in writes], waits=False)
        except _OF_ONE_ROW:
            return {}
        except Unavailable as error:
            if isinstance(error.__cause__, asyncpg.DeadlockDetectedError):
                return {}
            raise
        return dict(zip(writes, results, strict=True))


class _Write(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """A write that equals no other, as two callers may write the same values."""

    value: T
