from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import asyncpg

from servicekit.cache.batches import Batcher
from servicekit.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")

_MAX_ROWS = 100  # of one statement
_CONCURRENCY = 2  # statements under way per worker
# The row itself is at fault, not the connection or the server.
_OF_ONE_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


class InsertBatcher(Generic[T, R]):
    """Inserts rows that arrive together by one statement, so that they share its round trip and
    its commit.

    An idle service waits for nothing: the first row goes out in the same turn of the event loop,
    and rows that arrive while two statements are under way form the next one. A row that violates
    a constraint fails alone: the statement's rows are then inserted one by one.
    """

    def __init__(self, insert: Callable[[list[T]], Awaitable[Sequence[R]]]) -> None:
        """`insert` returns one result per row, in the order of the rows."""
        self._insert = insert
        self._batches = Batcher(self._run, max_size=_MAX_ROWS, concurrency=_CONCURRENCY)

    async def add(self, row: T) -> R:
        """The result of `row`, once it is committed. A caller that is cancelled leaves the others
        as they are; its own row is inserted if its statement was sent before."""
        result = await self._batches.get(_Row(row))
        if isinstance(result, Exception):
            raise result
        assert result is not None  # `insert` returns one result per row
        return result

    async def _run(self, rows: "list[_Row[T]]") -> "Mapping[_Row[T], R | Exception]":
        try:
            results = await self._insert([row.value for row in rows])
        except _OF_ONE_ROW as error:
            if len(rows) == 1:
                return {rows[0]: error}
        else:
            return dict(zip(rows, results, strict=True))
        one_by_one: dict[_Row[T], R | Exception] = {}
        for row in rows:
            try:
                one_by_one |= await self._run([row])
            except Unavailable as error:  # rows before this one are inserted, and say so
                one_by_one[row] = error
        return one_by_one


class _Row(Generic[T]):
    """A row that equals no other, as two callers may insert the same values."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
