import asyncio

import pytest

from servicekit.cache.batches import Batcher
from servicekit.errors import Unavailable
from servicekit.testing.waiting import HANG, until
from servicekit.tests.clock import ManualClock
from servicekit.tests.waiting import turns


class Backend:
    """Knows the double of each even number, and which keys were asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.failing = False
        self.released = asyncio.Event()  # a call does not end before
        self.released.set()

    async def __call__(self, keys: list[int]) -> dict[int, int]:
        self.asked.append(keys)
        await self.released.wait()
        if self.failing:
            raise ConnectionError("backend")
        return {key: key * 2 for key in keys if key % 2 == 0}


async def test_reads_of_one_tick_are_one_call() -> None:
    backend = Backend()
    reads = Batcher(backend, max_size=100, concurrency=2)

    assert await asyncio.gather(*(reads.get(n) for n in (2, 3, 4, 2))) == [4, None, 8, 4]
    assert backend.asked == [[2, 3, 4]]


async def test_batch_is_bounded_in_size_and_concurrency() -> None:
    backend = Backend()
    backend.released.clear()
    reads = Batcher(backend, max_size=10, concurrency=2)
    asking = asyncio.gather(*(reads.get(n) for n in range(35)))
    await turns(10)

    assert [len(keys) for keys in backend.asked] == [10, 10]
    backend.released.set()
    assert await asking == [n * 2 if n % 2 == 0 else None for n in range(35)]
    assert [len(keys) for keys in backend.asked] == [10, 10, 10, 5]


async def test_single_read_starts_at_once() -> None:
    backend = Backend()
    reads = Batcher(backend, max_size=100, concurrency=1)
    asking = asyncio.create_task(reads.get(2))
    await turns(3)  # the task's, the batch's, and its call's

    assert backend.asked == [[2]]
    assert await asking == 4


async def test_failure_is_raised_to_its_batch_and_not_to_the_next() -> None:
    backend = Backend()
    reads = Batcher(backend, max_size=100, concurrency=1)
    backend.failing = True
    failures = await asyncio.gather(*(reads.get(n) for n in range(3)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ConnectionError] * 3

    backend.failing = False
    assert await reads.get(2) == 4


async def test_batch_whose_readers_have_all_left_is_no_call() -> None:
    backend = Backend()
    reads = Batcher(backend, max_size=10, concurrency=1)
    leaving = [asyncio.create_task(reads.get(n)) for n in (2, 4)]
    await turns(1)
    for task in leaving:
        task.cancel()
    await turns(3)
    assert backend.asked == []
    assert await reads.get(6) == 12


async def test_cancelled_reader_does_not_affect_its_batch() -> None:
    backend = Backend()
    backend.released.clear()
    reads = Batcher(backend, max_size=100, concurrency=1)
    leaving, staying = (asyncio.create_task(reads.get(n)) for n in (2, 4))
    await until(lambda: backend.asked)
    leaving.cancel()
    backend.released.set()

    assert await staying == 8
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_caller_whose_call_does_not_begin_in_time_gets_unavailable() -> None:
    backend = Backend()
    backend.released.clear()
    reads = Batcher(backend, max_size=1, concurrency=1, max_wait=0.05)
    first = asyncio.create_task(reads.get(2))
    await until(lambda: backend.asked)
    for _ in range(2):  # the timer starts again
        asking = (reads.get(key) for key in (4, 6))
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 2
    assert not first.done()
    backend.released.set()
    assert await first == 4
    assert await reads.get(8) == 16
    assert backend.asked == [[2], [8]]


async def test_caller_that_must_expect_half_of_the_wait_gets_unavailable_at_once() -> None:
    backend, clock = Backend(), ManualClock()
    reads = Batcher(backend, max_size=10, concurrency=2, max_wait=HANG, clock=clock)
    backend.released.clear()
    slow = asyncio.create_task(reads.get(2))
    await until(lambda: backend.asked)
    clock.advance(HANG)  # a tenth of it counts
    backend.released.set()
    await slow
    backend.released.clear()
    asking = [asyncio.create_task(reads.get(n)) for n in range(1000)]
    await until(lambda: any(task.done() for task in asking))
    rejected = [task for task in asking if task.done()]
    assert {type(task.exception()) for task in rejected} == {Unavailable}
    # five calls of a tenth of the wait come first, and two of 10 keys run at once
    assert rejected == asking[5 * 20 + 1 :]
    backend.released.set()
    assert await asyncio.gather(*asking[:3]) == [0, None, 4]
    await asyncio.wait(asking)
