"""One of all workers loads what none has; nobody waits for one that brings nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.cache.two_level import TwoLevelCache
from servicekit.errors import NotFound
from servicekit.testing.waiting import HANG, until
from servicekit.tests.caches import CacheOf, Origin

LEASE = 10 * HANG  # seconds; a reader that waited for its end would fail the test
BRIEF = 0.2


@pytest.fixture
async def redis(empty: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(empty.redis_url) as redis:
        yield redis


async def both(one: TwoLevelCache, other: TwoLevelCache, origin: Origin) -> list[str]:
    """The sources of two reads of one key at once, or the types of their exceptions."""
    async with asyncio.timeout(HANG):
        found = await asyncio.gather(
            *(cache.get("k", origin) for cache in (one, other)), return_exceptions=True
        )
    return sorted(type(f).__name__ if isinstance(f, BaseException) else f.source for f in found)


async def test_workers_that_miss_together_ask_the_origin_once(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.2)
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)

    assert await both(one, other, origin) == ["cache", "external"]
    assert origin.calls == 1
    assert [cache.counts.corrupt for cache in (one, other)] == [0, 0]


async def test_failure_of_the_one_leaves_it_to_the_others_at_once(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.1)
    origin.failing = True
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    assert await both(one, other, origin) == ["ConnectionError"] * 2
    assert origin.calls == 2


async def test_absence_leaves_no_lease(empty: Settings, cache_of: CacheOf, redis: Redis) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    cache = await cache_of(empty, lease=LEASE)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    await until(lambda: gone(redis, f"{empty.cache_prefix}t:k"))


async def gone(redis: Redis, key: str) -> bool:
    return await redis.get(key) is None


@pytest.mark.parametrize("life", [BRIEF, LEASE])
async def test_reader_loads_by_itself_when_a_lease_has_lasted_its_time(
    empty: Settings, cache_of: CacheOf, redis: Redis, life: float
) -> None:
    """Even if the key stays, as no holder's does."""
    key = f"{empty.cache_prefix}t:k"
    await redis.set(key, b"\0lease:of one that was killed", px=int(life * 1000))
    cache = await cache_of(empty, lease=BRIEF)
    async with asyncio.timeout(HANG):
        assert (await cache.get("k", Origin())).source == "external"


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
    assert await both(one, other, origin) == ["external"] * 2


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
