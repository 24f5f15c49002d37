import asyncio
import time
from collections.abc import Sequence

import asyncpg
import pytest
from msgspec.structs import replace

from app.settings import load_settings
from servicekit.cache.entries import Clock
from servicekit.database.pool import DatabasePool
from servicekit.database.write_batches import WriteBatches
from servicekit.errors import Unavailable
from servicekit.testing.waiting import HANG, until
from servicekit.tests.clock import ManualClock
from servicekit.tests.waiting import turns


class Table:
    """Takes rows and gives them numbers; a row of its own choice is at fault."""

    def __init__(self, fault: str | None = None) -> None:
        self.statements: list[list[str]] = []
        self.rows: list[str] = []
        self.error: Exception | None = None
        self.fails_at: int | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.locked: set[str] = set()
        self.deadlocks = False  # statements of several rows
        self._fault = fault

    async def write(self, rows: list[str], *, waits: bool) -> Sequence[int | None]:
        self.statements.append(rows)
        await self.go_on.wait()
        if self.error:
            raise self.error
        if len(self.rows) == self.fails_at:
            raise Unavailable("The database did not answer in time.")
        if self.deadlocks and len(rows) > 1:
            raise Unavailable("Rolled back.") from asyncpg.DeadlockDetectedError()
        if self._fault in rows:
            raise asyncpg.CheckViolationError(self._fault)
        free = [row for row in rows if waits or row not in self.locked]
        numbers = iter(range(len(self.rows), len(self.rows) + len(free)))
        self.rows += free
        return [next(numbers) if row in free else None for row in rows]


def batches(table: Table, acquire_timeout: float = HANG) -> WriteBatches[str, int]:
    return WriteBatches(pool(acquire_timeout), table.write)


def pool(acquire_timeout: float, clock: Clock = time.monotonic) -> DatabasePool:
    """It has no connections, as the table stands for the database."""
    url = "postgresql://service@db/service"
    given = {"DATABASE_URL": url, "REDIS_URL": "redis://cache:6379/0"}
    settings = replace(load_settings(given), db_acquire_timeout=acquire_timeout)
    return DatabasePool(settings, url, clock=clock)


async def test_rows_of_one_turn_are_one_statement_in_their_order() -> None:
    table = Table()
    writes = batches(table)
    given = await asyncio.gather(*(writes.write(f"row {n}") for n in range(50)))
    assert table.statements == [[f"row {n}" for n in range(50)]]
    assert given == list(range(50))


async def test_equal_rows_are_written_each() -> None:
    table = Table()
    writes = batches(table)
    assert await asyncio.gather(*(writes.write("same") for _ in range(3))) == [0, 1, 2]
    assert table.rows == ["same"] * 3


async def test_rows_wait_for_the_two_statements_under_way_and_form_the_next() -> None:
    table = Table()
    writes = batches(table)
    table.go_on.clear()
    adding = [asyncio.create_task(writes.write("first"))]
    await turns(10)
    adding.append(asyncio.create_task(writes.write("second")))
    await turns(10)
    adding += [asyncio.create_task(writes.write(f"row {n}")) for n in range(150)]
    await turns(10)
    assert [len(rows) for rows in table.statements] == [1, 1]
    table.go_on.set()
    await asyncio.gather(*adding)
    assert [len(rows) for rows in table.statements] == [1, 1, 100, 50]


async def test_row_that_violates_a_constraint_fails_alone() -> None:
    table = Table(fault="bad")
    writes = batches(table)
    rows = ["a", "bad", "b"]
    given = await asyncio.gather(*(writes.write(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in given] == [int, asyncpg.CheckViolationError, int]
    assert table.rows == ["a", "b"]


async def test_rows_of_a_statement_that_a_deadlock_ended_are_written_alone() -> None:
    table = Table()
    table.deadlocks = True
    writes = batches(table)
    assert await asyncio.gather(*(writes.write(row) for row in "ab")) == [0, 1]


async def test_failed_statement_fails_all_of_its_rows_and_is_not_repeated() -> None:
    table = Table()
    table.error = Unavailable("The database did not answer in time.")
    writes = batches(table)
    given = await asyncio.gather(*(writes.write("row") for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in given] == [Unavailable] * 3
    assert len(table.statements) == 1


async def test_database_that_fails_between_single_rows_fails_only_the_rows_after() -> None:
    table = Table(fault="bad")
    table.fails_at = 1  # row
    writes = batches(table)
    rows = ["a", "bad", "b", "c"]
    given = await asyncio.gather(*(writes.write(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in given] == [int, Unavailable, Unavailable, Unavailable]
    assert table.rows == ["a"]


async def test_cancelled_caller_leaves_the_other_rows_untouched() -> None:
    table = Table()
    writes = batches(table)
    table.go_on.clear()
    leaving, staying = (asyncio.create_task(writes.write(row)) for row in ("leaves", "stays"))
    await turns(10)
    leaving.cancel()
    table.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying == 1
    assert table.rows == ["leaves", "stays"]


async def test_row_of_a_caller_that_left_before_its_statement_is_not_written() -> None:
    table = Table()
    writes = batches(table)
    table.go_on.clear()
    adding = [asyncio.create_task(writes.write(row)) for row in ("one",)]
    await turns(10)
    adding.append(asyncio.create_task(writes.write("two")))
    await turns(10)
    waiting = [asyncio.create_task(writes.write(row)) for row in ("leaves", "stays")]
    await turns(10)
    waiting[0].cancel()
    table.go_on.set()
    await asyncio.gather(*adding, *waiting, return_exceptions=True)
    assert sorted(table.rows) == ["one", "stays", "two"]


async def test_row_that_is_locked_is_left_out_and_written_alone() -> None:
    table = Table()
    table.locked = {"locked"}
    writes = batches(table)
    given = await asyncio.gather(*(writes.write(row) for row in ("a", "locked", "b")))
    assert given == [0, 2, 1]
    assert table.statements == [["a", "locked", "b"], ["locked"]]


async def test_writes_of_one_key_are_statements_of_their_own_in_their_order() -> None:
    table = Table()
    writes = batches(table)
    await asyncio.gather(*(writes.write(f"{n % 3} for the {n}th", n % 3) for n in range(9)))
    assert table.rows == [f"{n % 3} for the {n}th" for n in range(9)]
    assert [len(rows) for rows in table.statements] == [3, 3, 3]


async def test_failed_or_cancelled_write_lets_the_next_of_its_key_go_on() -> None:
    table = Table(fault="bad")
    writes = batches(table)
    table.go_on.clear()
    bad, leaves, stays = (
        asyncio.create_task(writes.write(row, "key")) for row in ("bad", "leaves", "stays")
    )
    await turns(10)
    leaves.cancel()
    table.go_on.set()
    given = await asyncio.gather(bad, leaves, stays, return_exceptions=True)
    assert [type(result) for result in given] == [
        asyncpg.CheckViolationError,
        asyncio.CancelledError,
        int,
    ]
    assert table.rows == ["stays"]


@pytest.mark.parametrize("left", [0, 1])
async def test_writes_of_a_key_go_on_waiting_when_one_before_them_leaves(left: int) -> None:
    table = Table()
    writes = batches(table)
    table.go_on.clear()
    first = asyncio.create_task(writes.write("first", "key"))
    waiting = [asyncio.create_task(writes.write(f"waiting {n}", "key")) for n in range(2)]
    await turns(10)
    waiting[left].cancel()
    await turns(10)
    late = asyncio.create_task(writes.write("late", "key"))
    await turns(10)
    assert table.statements == [["first"]]
    table.go_on.set()
    assert [await first, await waiting[1 - left], await late] == [0, 1, 2]
    assert table.rows == ["first", f"waiting {1 - left}", "late"]
    assert all(len(rows) == 1 for rows in table.statements)


async def test_write_whose_statement_does_not_begin_in_time_is_not_carried_out() -> None:
    table = Table()
    writes = batches(table, acquire_timeout=0.05)
    table.go_on.clear()
    under_way: list[asyncio.Task[int | None]] = []
    for row in ("first", "second"):
        under_way.append(asyncio.create_task(writes.write(row)))
        await turns(10)
    with pytest.raises(Unavailable) as raised:
        await writes.write("third")
    assert not raised.value.outcome_unknown
    table.go_on.set()
    await asyncio.gather(*under_way)
    assert table.rows == ["first", "second"]


async def test_writes_that_would_wait_too_long_are_rejected_early_and_reads_are_not() -> None:
    table, clock = Table(), ManualClock()
    database = pool(HANG, clock)
    writes = WriteBatches(database, table.write)
    table.go_on.clear()
    slow = asyncio.create_task(writes.write("slow"))
    await until(lambda: table.statements)
    clock.advance(HANG)
    table.go_on.set()
    await slow
    table.go_on.clear()
    waiting: list[asyncio.Task[int | None]] = []
    for _ in range(2):  # two statements begin with the first
        waiting += [asyncio.create_task(writes.write("row")) for _ in range(2_000)]
        await turns(10)
    assert database.rejection(reads=False) == "The database is too busy."
    assert database.rejection(reads=True) is None
    table.go_on.set()
    given = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in given} <= {int, Unavailable}
    assert database.rejection(reads=False) is None
