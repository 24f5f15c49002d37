"""A key that holds something else than an entry is a miss, and gets replaced."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from app.settings import Settings
from servicekit.testing.waiting import HANG, until
from servicekit.tests.caches import CacheOf, Origin

FOREIGN = {
    "list": ("LPUSH", "x"),
    "hash": ("HSET", "field", "x"),
    "set": ("SADD", "x"),
    "sorted set": ("ZADD", 1, "x"),
    "stream": ("XADD", "*", "field", "x"),
    "empty string": ("SET", ""),
    "number": ("SET", "7"),
    "foreign bytes": ("SET", b"\x93\xc4\x01x\xa1"),
    "zero bytes": ("SET", bytes(64)),
    "endless lease": ("SET", b"\0lease:of nobody"),
    "tombstone of all time": ("SET", b"\0tombstone until inf"),
    "tombstone of the next century": ("SET", b"\0tombstone until 4102444800"),
    "tombstone of no time": ("SET", b"\0tombstone until nan"),
    "large value": ("SET", b"x" * 2_000_000),
}


@pytest.fixture
async def redis(empty: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(empty.redis_url) as redis:
        yield redis


@pytest.mark.parametrize("lease", [None, 0.2])
@pytest.mark.parametrize("value", list(FOREIGN.values()), ids=list(FOREIGN))
async def test_foreign_value_is_a_miss_and_gets_replaced(
    empty: Settings,
    cache_of: CacheOf,
    redis: Redis,
    value: tuple[str | bytes | int, ...],
    lease: float | None,
) -> None:
    command, *arguments = value
    await redis.execute_command(str(command), f"{empty.cache_prefix}t:k", *arguments)
    origin = Origin()
    without_memory = replace(empty, memory_cache_entries=0, redis_timeout=HANG)
    cache = await cache_of(without_memory, lease=lease)

    assert (await cache.get("k", origin)).source == "external"
    assert (await cache.get("k", origin)).source == "cache"
    assert cache._shared._valkey.breaker.times_opened == 0


@pytest.mark.parametrize("lease", [None, 0.2])
async def test_value_that_is_too_large_to_be_read_in_time_gets_replaced(
    empty: Settings, cache_of: CacheOf, redis: Redis, lease: float | None
) -> None:
    await redis.setrange(f"{empty.cache_prefix}t:k", 200_000_000, b"x")
    cache = await cache_of(replace(empty, memory_cache_entries=0, redis_timeout=0.02), lease=lease)
    origin = Origin()

    async def is_stored() -> bool:
        return (await cache.get("k", origin)).source == "cache"

    await until(is_stored)


@pytest.mark.parametrize("lease", [None, 0.2])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
async def test_truncated_entry_is_a_miss_and_gets_replaced(
    empty: Settings, cache_of: CacheOf, redis: Redis, kept: float, lease: float | None
) -> None:
    key, origin = f"{empty.cache_prefix}t:k", Origin()
    cache = await cache_of(replace(empty, memory_cache_entries=0), lease=lease)
    await cache.get("k", origin)
    stored = await redis.get(key)
    assert isinstance(stored, bytes)
    await redis.set(key, stored[: int(len(stored) * kept)])

    assert (await cache.get("k", origin)).entry.body == b"2"
    assert (await cache.get("k", origin)).source == "cache"


@pytest.mark.parametrize("lease", [None, 0.2])
async def test_tombstone_that_was_made_endless_gets_replaced(
    empty: Settings, cache_of: CacheOf, redis: Redis, lease: float | None
) -> None:
    key, origin = f"{empty.cache_prefix}t:k", Origin()
    cache = await cache_of(replace(empty, memory_cache_entries=0), lease=lease)
    await cache.get("k", origin)
    await cache.invalidate("k")
    await redis.persist(key)
    await cache.get("k", origin)

    assert (await cache.get("k", origin)).source == "cache"


async def test_foreign_value_under_the_rate_limits_key_is_replaced(
    empty: Settings, cache_of: CacheOf, redis: Redis
) -> None:
    valkey = (await cache_of(empty))._shared._valkey
    await redis.lpush(f"{empty.cache_prefix}counter", "x")
    script = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    answers = [await valkey.run(script, "counter", 1) for _ in range(3)]

    assert answers[1:] == [1, 2]
    assert valkey.breaker.times_opened == 0
