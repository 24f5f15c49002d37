import asyncio
from typing import cast

import pytest
from litestar.types import HTTPScope

from servicekit.overload.deadlines import Deadline, Deadlines
from servicekit.testing.waiting import HANG
from servicekit.tests.clock import ManualClock

SCOPE = cast("HTTPScope", {"type": "http", "state": {}})


async def wait_within(deadlines: Deadlines, opened: list[Deadline]) -> str:
    deadline = deadlines.open(SCOPE)
    opened.append(deadline)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "expired" if deadline.caused_cancellation() else "cancelled"
    finally:
        deadlines.close(deadline)
    return "done"


async def test_tasks_end_at_their_own_deadline() -> None:
    clock, opened = ManualClock(100.0), list[Deadline]()
    deadlines = Deadlines(10.0, clock)
    first = asyncio.create_task(wait_within(deadlines, opened))
    await asyncio.sleep(0)
    clock.advance(5)
    second = asyncio.create_task(wait_within(deadlines, opened))
    await asyncio.sleep(0)
    clock.advance(4.9)
    deadlines.expire()
    await asyncio.sleep(0)
    assert not first.done()
    clock.advance(0.1)
    deadlines.expire()
    assert await first == "expired"
    assert not second.done()
    clock.advance(5)
    deadlines.expire()
    assert await second == "expired"


async def test_cancellation_by_another_is_not_an_expired_deadline() -> None:
    clock, opened = ManualClock(100.0), list[Deadline]()
    deadlines = Deadlines(10.0, clock)
    task = asyncio.create_task(wait_within(deadlines, opened))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "cancelled"


async def test_cancellation_beside_an_expired_deadline_stays_a_cancellation() -> None:
    clock, opened = ManualClock(100.0), list[Deadline]()
    deadlines = Deadlines(10.0, clock)
    task = asyncio.create_task(wait_within(deadlines, opened))
    await asyncio.sleep(0)
    clock.advance(10)
    deadlines.expire()
    task.cancel()
    assert await task == "cancelled"


async def test_closed_deadline_cancels_nothing() -> None:
    clock, opened = ManualClock(100.0), list[Deadline]()
    deadlines = Deadlines(10.0, clock)
    task = asyncio.create_task(wait_within(deadlines, opened))
    await asyncio.sleep(0)
    deadlines.close(opened[0])
    clock.advance(60)
    deadlines.expire()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    assert await task == "cancelled"


async def test_deadlines_expire_by_themselves_while_the_service_runs() -> None:
    deadlines = Deadlines(0.05)
    async with deadlines.lifespan():
        async with asyncio.timeout(HANG):
            assert await wait_within(deadlines, []) == "expired"


@pytest.mark.parametrize("requests", [1, 1000])
async def test_ended_requests_leave_nothing_behind(requests: int) -> None:
    deadlines = Deadlines(10.0, ManualClock(100.0))
    for _ in range(requests):
        deadlines.close(deadlines.open(SCOPE))
    assert not deadlines._open
