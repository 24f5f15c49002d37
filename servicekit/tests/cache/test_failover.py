"""Another Valkey becomes the primary, and the old one stays reachable."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from app.main import create_app
from app.settings import Settings
from servicekit.dev.servers import valkey
from servicekit.testing.service import serving
from servicekit.testing.waiting import until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.wire import Wire


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A primary and its replica."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with valkey(tmp_path / "one") as primary, valkey(tmp_path / "other") as replica:
        yield primary, replica


@pytest.fixture
async def address(pair: tuple[str, str]) -> AsyncIterator[Wire]:
    """The address that follows the primary: new connections go there, open ones stay."""
    async with Wire.laid(pair[0]) as wire:
        yield wire


async def fail_over(pair: tuple[str, str], address: Wire) -> None:
    async with Redis.from_url(pair[0]) as old, Redis.from_url(pair[1]) as new:
        await new.replicaof("NO", "ONE")
        host, port = pair[1].removeprefix("redis://").removesuffix("/0").split(":")
        await old.replicaof(host, int(port))
    address.leads_to(pair[1])


@pytest.mark.slow("waits until one Valkey replicates another")
async def test_cache_uses_the_new_primary_within_seconds(
    empty: Settings, cache_of: CacheOf, pair: tuple[str, str], address: Wire
) -> None:
    followed = replace(empty, redis_url=address.url, memory_cache_entries=0)
    cache, origin = await cache_of(followed), Origin()
    await cache.get("k", origin)
    await fail_over(pair, address)
    keys = iter(range(10_000))

    async def stores_a_new_key() -> bool:
        key = f"n{next(keys)}"
        await cache.get(key, origin)
        async with Redis.from_url(pair[1]) as new:
            return bool(await new.exists(f"{empty.cache_prefix}t:{key}"))

    await until(stores_a_new_key)


@pytest.mark.slow("waits until one Valkey replicates another")
async def test_write_at_the_moment_of_failover_invalidates_on_the_new_primary(
    empty: Settings, cache_of: CacheOf, pair: tuple[str, str], address: Wire
) -> None:
    followed = replace(empty, redis_url=address.url, memory_cache_entries=0)
    cache, origin = await cache_of(followed), Origin()
    async with Redis.from_url(pair[1]) as new:
        await new.replicaof("127.0.0.1", int(pair[0].rsplit(":", 1)[1].removesuffix("/0")))
        await cache.get("k", origin)
        await until(lambda: new.exists(f"{empty.cache_prefix}t:k"))
        await fail_over(pair, address)
        await cache.invalidate("k")
        await until(cache._shared._valkey.is_available)
        assert (await cache.get("k", origin)).entry.body == b"2"


async def test_ready_says_that_the_cache_is_unavailable_while_it_takes_no_writes(
    settings: Settings, pair: tuple[str, str]
) -> None:
    app = create_app(replace(settings, redis_url=pair[0]))
    async with Redis.from_url(pair[0]) as only, serving(app) as client:

        async def is_ready() -> bool:
            return (await client.get("/ready")).json()["cache"] == "ok"

        assert await is_ready()
        await only.replicaof("127.0.0.1", 1)  # and there is no new primary yet
        assert not await is_ready()
        assert (await client.get("/ready")).status_code == 503
        await only.replicaof("NO", "ONE")
        await until(is_ready)
