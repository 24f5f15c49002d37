"""One worker loads a key that no worker has; a load that brings nothing delays no other worker."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.cache.results import CacheResult
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


async def holder_and_follower(
    one: TwoLevelCache, other: TwoLevelCache, origin: Origin
) -> tuple["asyncio.Task[CacheResult]", "asyncio.Task[CacheResult]"]:
    """A read that holds the lease while the origin waits for `released`, and one that waits for
    the holder's entry."""
    origin.released.clear()
    holder = asyncio.create_task(one.get("k", origin))
    await until(lambda: origin.calls == 1)
    follower = asyncio.create_task(other.get("k", origin))
    leases = other._shared._leases
    await until(lambda: leases is not None and leases._watching is not None)
    return holder, follower


async def test_workers_that_miss_together_call_the_origin_once(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    holder, follower = await holder_and_follower(one, other, origin)
    origin.released.set()

    assert [(await read).source for read in (holder, follower)] == ["external", "cache"]
    assert origin.calls == 1
    assert [cache.counts.corrupt for cache in (one, other)] == [0, 0]


async def test_failed_load_ends_the_lease_for_other_workers(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    origin.failing = True
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    reads = await holder_and_follower(one, other, origin)
    origin.released.set()
    async with asyncio.timeout(HANG):
        failures = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(failure) for failure in failures] == [ConnectionError] * 2
    assert origin.calls == 2


async def test_key_that_the_origin_does_not_have_leaves_no_lease(
    empty: Settings, cache_of: CacheOf, redis: Redis
) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    cache = await cache_of(empty, lease=LEASE)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    await until(lambda: gone(redis, f"{empty.cache_prefix}t:k"))


async def gone(redis: Redis, key: str) -> bool:
    return await redis.get(key) is None


@pytest.mark.parametrize("life", [BRIEF, LEASE])
async def test_reader_loads_by_itself_when_a_lease_is_over(
    empty: Settings, cache_of: CacheOf, redis: Redis, life: float
) -> None:
    """Even if the key stays, as no holder's does."""
    key = f"{empty.cache_prefix}t:k"
    await redis.set(key, b"\0lease:of one that was killed", px=int(life * 1000))
    cache = await cache_of(empty, lease=BRIEF)
    async with asyncio.timeout(HANG):
        assert (await cache.get("k", Origin())).source == "external"


async def test_lease_of_an_entry_that_was_not_stored_is_withdrawn_when_valkey_is_back(
    empty: Settings, cache_of: CacheOf
) -> None:
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    origin = Origin()
    holder, follower = await holder_and_follower(one, other, origin)
    one._shared._valkey.breaker.record_failure()  # the next probe closes it
    origin.released.set()
    async with asyncio.timeout(HANG):
        assert (await holder).entry.body == b"1"
        assert (await follower).source in ("cache", "external")


async def test_write_during_a_load_is_seen_by_the_readers_that_wait(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    holder, follower = await holder_and_follower(one, other, origin)
    await one.invalidate("k")
    origin.released.set()
    assert (await holder).entry.body == b"1"  # it asked before the write
    assert (await follower).entry.body == b"2"
    assert (await one.get("k", origin)).entry.body != b"1"


async def test_each_worker_loads_by_itself_without_valkey(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    for cache in (one, other):
        cache._shared._valkey.breaker.record_failure()
    async with asyncio.timeout(HANG):
        found = await asyncio.gather(*(cache.get("k", origin) for cache in (one, other)))
    assert [result.source for result in found] == ["external"] * 2


async def test_reader_that_is_cancelled_while_waiting_delays_no_other(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    one, other = await cache_of(empty, lease=LEASE), await cache_of(empty, lease=LEASE)
    holder, reader = await holder_and_follower(one, other, origin)
    reader.cancel()
    await asyncio.wait([reader])
    origin.released.set()
    assert (await holder).source == "external"
    assert (await other.get("k", origin)).source in ("cache", "memory")
    assert origin.calls == 1
