"""Steps of the wall clock do not change the lifetime of an entry."""

import time

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.errors import NotFound
from servicekit.testing.waiting import until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.clock import ManualClock

HOUR = 3600.0


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its sum is added to the wall clock, in seconds."""
    steps: list[float] = []
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + sum(steps))
    return steps


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_memory_entry_lives_for_its_ttl_when_the_clock_steps(
    empty: Settings, cache_of: CacheOf, wall_clock: list[float], step: float
) -> None:
    origin = Origin()
    clock = ManualClock()
    only_memory = replace(empty, shared_cache=False, memory_cache_ttl=0.6)
    cache = await cache_of(only_memory, clock=clock)
    await cache.get("k", origin)
    wall_clock.append(step)

    assert (await cache.get("k", origin)).source == "memory"
    clock.advance(0.7)
    assert (await cache.get("k", origin)).entry.body == b"2"


async def test_negative_entry_lives_for_its_ttl_when_the_clock_steps_back(
    empty: Settings, cache_of: CacheOf, wall_clock: list[float]
) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    clock = ManualClock()
    cache = await cache_of(empty, missing=0.2, clock=clock)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    wall_clock.append(-HOUR)
    clock.advance(0.3)
    assert (await cache.get("k", Origin())).source == "external"


async def test_shared_entry_is_refreshed_when_the_clock_steps_back(
    empty: Settings, cache_of: CacheOf, wall_clock: list[float]
) -> None:
    """Its age is not known then: it is served once more while a newer one is loaded."""
    origin = Origin()
    clock = ManualClock()
    uncached = replace(empty, memory_cache_entries=0)
    cache = await cache_of(uncached, fresh=0.2, stale=60.0, clock=clock)
    await cache.get("k", origin)
    wall_clock.append(-HOUR)
    clock.advance(0.3)

    async def is_refreshed() -> bool:
        return (await cache.get("k", origin)).entry.body == b"2"

    await until(is_refreshed)


async def test_shared_entry_of_a_clock_that_is_ahead_is_refreshed(
    empty: Settings, cache_of: CacheOf, wall_clock: list[float]
) -> None:
    origin = Origin()
    uncached = replace(empty, memory_cache_entries=0)
    wall_clock.append(HOUR)
    await (await cache_of(uncached, stale=60.0)).get("k", origin)
    wall_clock.append(-HOUR)
    cache = await cache_of(uncached, stale=60.0)

    async def is_refreshed() -> bool:
        return (await cache.get("k", origin)).entry.body == b"2"

    await until(is_refreshed)
    assert origin.calls == 2
