"""One of all workers loads what none has; nobody waits for one that brings nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.cache.two_level import TwoLevelCache
from servicekit.errors import NotFound
from servicekit.tests.caches import CacheOf, Origin

LEASE = 3.0  # seconds
BRIEF = 0.2


@pytest.fixture
async def redis(empty: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(empty.redis_url) as redis:
        yield redis


async def both(one: TwoLevelCache, other: TwoLevelCache, origin: Origin) -> tuple[list[str], float]:
    """How they end who ask for one key at once, and after how many seconds."""
    begun = time.monotonic()
    found = await asyncio.gather(
        *(cache.get("k", origin) for cache in (one, other)), return_exceptions=True
    )
    ends = [type(f).__name__ if isinstance(f, BaseException) else f.source for f in found]
    return sorted(ends), time.monotonic() - begun


async def test_workers_that_miss_together_ask_the_origin_once(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.2)
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)

    ends, took = await both(one, other, origin)
    assert ends == ["cache", "external"]
    assert origin.calls == 1
    assert took < 0.2 + 0.1
    assert [cache.counts.corrupt for cache in (one, other)] == [0, 0]


async def test_failure_of_the_one_leaves_it_to_the_others_at_once(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.1)
    origin.failing = True
    ends, took = await both(
        await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE), origin
    )
    assert ends == ["ConnectionError"] * 2
    assert origin.calls == 2
    assert took < LEASE / 2


async def test_absence_leaves_no_lease(empty: Settings, cache_of: CacheOf, redis: Redis) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    cache = await cache_of(empty, lease=LEASE)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    await asyncio.sleep(0.01)
    assert await redis.get(f"{empty.cache_prefix}t:k") is None


@pytest.mark.parametrize("life", [None, 60_000])
async def test_nobody_waits_longer_than_for_a_lease(
    empty: Settings, cache_of: CacheOf, redis: Redis, life: int | None
) -> None:
    """Also if it stays, as no holder's does."""
    key = f"{empty.cache_prefix}t:k"
    await redis.set(key, b"\0lease:of one that was killed", px=life or int(BRIEF * 1000))
    begun = time.monotonic()
    found = await (await cache_of(empty, lease=BRIEF)).get("k", Origin())
    assert found.source == "external"
    assert BRIEF - 0.05 < time.monotonic() - begun < BRIEF + 0.3


async def test_lease_of_one_that_can_not_store_is_withdrawn_when_valkey_is_back(
    empty: Settings, cache_of: CacheOf
) -> None:
    one, other = await cache_of(empty, lease=60.0), await cache_of(empty, lease=60.0)
    origin = Origin(latency=0.2)
    holder = asyncio.create_task(one.get("k", origin))
    await asyncio.sleep(0.1)
    follower = asyncio.create_task(other.get("k", origin))
    one._valkey.breaker.record_failure()  # the next ping closes it
    async with asyncio.timeout(5):
        assert (await holder).entry.body == b"1"
        assert (await follower).source in ("cache", "external")


async def test_write_while_others_wait_is_what_they_find(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.2)
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    holder = asyncio.create_task(one.get("k", origin))
    await asyncio.sleep(0.05)
    follower = asyncio.create_task(other.get("k", origin))
    await asyncio.sleep(0.05)
    await one.invalidate("k")
    assert (await holder).entry.body == b"1"  # it asked before the write
    assert (await follower).entry.body == b"2"
    assert (await one.get("k", origin)).entry.body != b"1"


async def test_without_valkey_each_loads_for_itself(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    for cache in (one, other):
        cache._valkey.breaker.record_failure()
    ends, took = await both(one, other, origin)
    assert ends == ["external"] * 2
    assert took < 0.2


async def test_who_leaves_while_waiting_holds_nothing_up(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.2)
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    holder = asyncio.create_task(one.get("k", origin))
    await asyncio.sleep(0.05)
    reader = asyncio.create_task(other.get("k", origin))
    await asyncio.sleep(0.05)
    reader.cancel()
    await asyncio.wait([reader])
    assert (await holder).source == "external"
    assert (await other.get("k", origin)).source in ("cache", "memory")
    assert origin.calls == 1
