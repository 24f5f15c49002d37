"""A timeout that excludes the event loop's lag."""

import asyncio
import gc
import time

import pytest

from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.testing.waiting import HANG
from servicekit.tests.waiting import turns


async def test_result_before_the_timeout_is_returned() -> None:
    assert await wait_excluding_lag(asyncio.sleep(0.01, "answer"), 0.2) == "answer"


async def test_work_beyond_the_timeout_is_cancelled_before_the_error() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await wait_excluding_lag(work(), 0.05)
    assert ended.is_set()
    await asyncio.sleep(0)  # nothing of the timeout is left to be raised


async def test_lag_of_the_event_loop_does_not_count() -> None:
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def busy() -> None:
        time.sleep(0.3)
        loop.call_later(0.05, answer.set_result, "late")

    loop.call_soon(busy)
    assert await wait_excluding_lag(answer, 0.1) == "late"


async def test_cancellation_from_outside_is_no_timeout() -> None:
    waiting = asyncio.create_task(wait_excluding_lag(asyncio.sleep(10), 5))
    await turns(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_inner_timeout_is_not_taken_for_the_outer_one() -> None:
    async with asyncio.timeout(HANG):
        with pytest.raises(TimeoutError):
            await wait_excluding_lag(asyncio.sleep(HANG), 0.02)
        await turns(2)


async def test_timer_leaves_no_reference_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            await wait_excluding_lag(asyncio.sleep(0), 1)
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 100
