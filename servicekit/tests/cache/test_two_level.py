import asyncio
import gc
from contextlib import suppress

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.errors import NotFound
from servicekit.tests.caches import CacheOf, Origin


async def test_layers_answer_in_order(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    one, other = await cache_of(empty), await cache_of(empty)

    assert (await one.get("k", origin)).source == "external"
    assert (await one.get("k", origin)).source == "memory"
    assert (await other.get("k", origin)).source == "cache"
    assert (await other.get("k", origin)).entry.body == b"1"
    assert origin.calls == 1


async def test_entry_ends_with_its_ttl(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    cache = await cache_of(empty, fresh=0.05)
    await cache.get("k", origin)
    await asyncio.sleep(0.1)

    assert (await cache.get("k", origin)).entry.body == b"2"


async def test_forgotten_key_is_loaded_anew(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    cache, other = await cache_of(empty), await cache_of(empty)
    await cache.get("k", origin)
    await cache.invalidate("k")

    assert (await other.get("k", origin)).entry.body == b"2"
    assert (await cache.get("k", origin)).entry.body != b"1"


async def test_load_that_began_before_a_write_is_not_kept(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.1)
    writer, reader = await cache_of(empty), await cache_of(empty)
    old = [asyncio.create_task(cache.get("k", origin)) for cache in (writer, reader)]
    await asyncio.sleep(0.05)
    await writer.invalidate("k")
    await asyncio.gather(*old)

    fresh = await cache_of(empty)
    assert (await writer.get("k", origin)).entry.body == b"3"
    assert (await fresh.get("k", origin)).entry.body == b"3"


async def test_memory_is_renewed_while_it_serves(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    brief = replace(empty, memory_cache_ttl=1.0)
    cache = await cache_of(brief)
    await cache.get("k", origin)
    sources: set[str] = set()
    for _ in range(30):
        await asyncio.sleep(0.05)
        sources.add((await cache.get("k", origin)).source)
    assert sources == {"memory"}
    assert origin.calls == 1


async def test_failed_loads_leave_nothing_to_the_garbage_collector(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    origin.failing = True
    cache = await cache_of(empty)
    gc.collect()
    gc.disable()
    try:
        for number in range(100):
            with suppress(ConnectionError):
                await cache.get(str(number), origin)
        left = gc.collect()
    finally:
        gc.enable()
    assert origin.calls == 100
    assert left < 100


async def test_stale_answer_is_served_while_a_newer_one_is_fetched(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.05)
    cache = await cache_of(empty, fresh=1.0, stale=60.0)
    await cache.get("k", origin)
    await asyncio.sleep(1.0)

    assert [(await cache.get("k", origin)).entry.body for _ in range(5)] == [b"1"] * 5
    seen = [b"1"]
    for _ in range(300):  # 3 s at the most, and the next refresh is 0.9 s away
        if seen[-1] == b"2":
            break
        await asyncio.sleep(0.01)
        seen.append((await cache.get("k", origin)).entry.body)
    assert set(seen) == {b"1", b"2"}
    assert origin.calls == 2
    assert (await (await cache_of(empty)).get("k", origin)).entry.body == b"2"


async def test_absence_is_known_for_its_short_life(empty: Settings, cache_of: CacheOf) -> None:
    calls = 0

    async def nothing() -> OriginResponse:
        nonlocal calls
        calls += 1
        raise NotFound("no k")

    cache = await cache_of(empty, missing=0.5)
    for _ in range(3):
        with pytest.raises(NotFound, match="no k"):
            await cache.get("k", nothing)
    assert calls == 1
    await asyncio.sleep(0.6)
    assert (await cache.get("k", Origin())).source == "external"


async def test_absence_ends_at_once_where_the_key_appears(
    empty: Settings, cache_of: CacheOf
) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    cache = await cache_of(replace(empty, memory_cache_ttl=60.0), missing=60.0)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    cache.on_created("k")
    assert (await cache.get("k", Origin())).source == "external"


async def test_absence_is_not_known_for_longer_because_it_took_long_to_see(
    empty: Settings, cache_of: CacheOf
) -> None:
    async def nothing_slowly() -> OriginResponse:
        await asyncio.sleep(0.3)
        raise NotFound("no k")

    cache = await cache_of(empty, missing=0.2)
    with pytest.raises(NotFound):
        await cache.get("k", nothing_slowly)
    assert (await cache.get("k", Origin())).source == "external"


async def test_write_reaches_the_memory_of_other_workers(
    empty: Settings, cache_of: CacheOf
) -> None:
    """Within the 100 ms that the README promises."""
    origin = Origin()
    patient = replace(empty, memory_cache_ttl=60.0)
    writer, reader = await cache_of(patient), await cache_of(patient)
    await writer.get("k", origin)
    await reader.get("k", origin)
    await writer.invalidate("k")
    await asyncio.sleep(0.1)

    assert (await reader.get("k", origin)).source == "external"


async def test_memory_of_no_entries_is_switched_off(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    cache = await cache_of(replace(empty, memory_cache_entries=0))
    sources = [(await cache.get("k", origin)).source for _ in range(3)]

    assert sources == ["external", "cache", "cache"]


async def test_memory_keeps_the_most_recently_used(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    cache = await cache_of(replace(empty, memory_cache_entries=2))
    for key in ("a", "b", "a", "c"):
        await cache.get(key, origin)

    assert (await cache.get("a", origin)).source == "memory"
    assert (await cache.get("c", origin)).source == "memory"
    assert (await cache.get("b", origin)).source == "cache"
