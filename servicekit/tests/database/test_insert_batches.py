import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from servicekit.database.insert_batches import InsertBatcher
from servicekit.errors import Unavailable


class Table:
    """Takes rows and gives them numbers; a row of its own choice is at fault."""

    def __init__(self, fault: str | None = None) -> None:
        self.statements: list[list[str]] = []
        self.rows: list[str] = []
        self.error: Exception | None = None
        self.fails_at: int | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._fault = fault

    async def insert(self, rows: list[str]) -> Sequence[int]:
        self.statements.append(rows)
        await self.go_on.wait()
        if self.error:
            raise self.error
        if len(self.rows) == self.fails_at:
            raise Unavailable("The database did not answer in time.")
        if self._fault in rows:
            raise asyncpg.CheckViolationError(self._fault)
        first = len(self.rows)
        self.rows += rows
        return range(first, len(self.rows))


async def test_rows_of_one_turn_are_one_statement_in_their_order() -> None:
    table = Table()
    inserts = InsertBatcher(table.insert)
    given = await asyncio.gather(*(inserts.add(f"row {n}") for n in range(50)))
    assert table.statements == [[f"row {n}" for n in range(50)]]
    assert given == list(range(50))


async def test_equal_rows_are_inserted_each() -> None:
    table = Table()
    inserts = InsertBatcher(table.insert)
    assert sorted(await asyncio.gather(*(inserts.add("same") for _ in range(3)))) == [0, 1, 2]
    assert table.rows == ["same"] * 3


async def test_rows_wait_for_the_two_statements_under_way_and_form_the_next() -> None:
    table = Table()
    inserts = InsertBatcher(table.insert)
    table.go_on.clear()
    adding = [asyncio.create_task(inserts.add("first"))]
    await asyncio.sleep(0.01)
    adding.append(asyncio.create_task(inserts.add("second")))
    await asyncio.sleep(0.01)
    adding += [asyncio.create_task(inserts.add(f"row {n}")) for n in range(150)]
    await asyncio.sleep(0.01)
    assert [len(rows) for rows in table.statements] == [1, 1]
    table.go_on.set()
    await asyncio.gather(*adding)
    assert [len(rows) for rows in table.statements] == [1, 1, 100, 50]


async def test_row_that_violates_a_constraint_fails_alone() -> None:
    table = Table(fault="bad")
    inserts = InsertBatcher(table.insert)
    rows = ["a", "bad", "b"]
    given = await asyncio.gather(*(inserts.add(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in given] == [int, asyncpg.CheckViolationError, int]
    assert table.rows == ["a", "b"]


async def test_failed_statement_fails_all_of_its_rows_and_is_not_repeated() -> None:
    table = Table()
    table.error = Unavailable("The database did not answer in time.")
    inserts = InsertBatcher(table.insert)
    given = await asyncio.gather(*(inserts.add("row") for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in given] == [Unavailable] * 3
    assert len(table.statements) == 1


async def test_database_that_fails_between_single_rows_fails_only_the_rows_after() -> None:
    table = Table(fault="bad")
    table.fails_at = 1  # row
    inserts = InsertBatcher(table.insert)
    rows = ["a", "bad", "b", "c"]
    given = await asyncio.gather(*(inserts.add(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in given] == [int, Unavailable, Unavailable, Unavailable]
    assert table.rows == ["a"]


async def test_cancelled_caller_leaves_the_other_rows_untouched() -> None:
    table = Table()
    inserts = InsertBatcher(table.insert)
    table.go_on.clear()
    leaving, staying = (asyncio.create_task(inserts.add(row)) for row in ("leaves", "stays"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    table.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying == 1
    assert table.rows == ["leaves", "stays"]


async def test_row_of_a_caller_that_left_before_its_statement_is_not_inserted() -> None:
    table = Table()
    inserts = InsertBatcher(table.insert)
    table.go_on.clear()
    adding = [asyncio.create_task(inserts.add(row)) for row in ("one",)]
    await asyncio.sleep(0.01)
    adding.append(asyncio.create_task(inserts.add("two")))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(inserts.add(row)) for row in ("leaves", "stays")]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    table.go_on.set()
    await asyncio.gather(*adding, *waiting, return_exceptions=True)
    assert sorted(table.rows) == ["one", "stays", "two"]
