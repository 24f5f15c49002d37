import asyncio
import gc
from contextlib import suppress

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.errors import NotFound
from servicekit.testing.waiting import HANG, until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.clock import ManualClock
from servicekit.tests.waiting import turns


async def test_layers_answer_in_order(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    one, other = await cache_of(empty), await cache_of(empty)

    assert (await one.get("k", origin)).source == "external"
    assert (await one.get("k", origin)).source == "memory"
    assert (await other.get("k", origin)).source == "cache"
    assert (await other.get("k", origin)).entry.body == b"1"
    assert origin.calls == 1


async def test_entry_ends_with_its_ttl(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    origin = Origin()
    cache = await cache_of(empty, fresh=60, clock=clock)
    await cache.get("k", origin)
    clock.advance(50)
    assert (await cache.get("k", origin)).entry.body == b"1"
    clock.advance(11)

    assert (await cache.get("k", origin)).entry.body == b"2"


async def test_reads_that_miss_together_share_one_load(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    origin.released.clear()
    cache = await cache_of(empty)
    reads = [asyncio.create_task(cache.get("k", origin)) for _ in range(20)]
    await until(lambda: origin.calls)
    reads += [asyncio.create_task(cache.get("k", origin)) for _ in range(20)]
    await turns(1)
    origin.released.set()
    assert {(await read).entry.body for read in reads} == {b"1"}
    assert origin.calls == 1


async def test_invalidated_key_is_loaded_again(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    cache, other = await cache_of(empty), await cache_of(empty)
    await cache.get("k", origin)
    await cache.invalidate("k")

    assert (await other.get("k", origin)).entry.body == b"2"
    assert (await cache.get("k", origin)).entry.body != b"1"


async def test_load_that_began_before_a_write_is_not_kept(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    origin.released.clear()
    writer, reader = await cache_of(empty), await cache_of(empty)
    old = [asyncio.create_task(cache.get("k", origin)) for cache in (writer, reader)]
    await until(lambda: origin.calls == 2)
    await writer.invalidate("k")
    origin.released.set()
    await asyncio.gather(*old)

    fresh = await cache_of(empty)
    assert (await writer.get("k", origin)).entry.body == b"3"
    assert (await fresh.get("k", origin)).entry.body == b"3"


async def test_memory_entry_is_refreshed_while_it_is_served(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    origin = Origin()
    brief = replace(empty, memory_cache_ttl=1.0)
    cache = await cache_of(brief, clock=clock)
    await cache.get("k", origin)
    sources: set[str] = set()
    for _ in range(30):
        clock.advance(0.1)
        sources.add((await cache.get("k", origin)).source)
        await until(lambda: not cache._refreshing)
    assert sources == {"memory"}
    assert origin.calls == 1


async def test_failed_loads_leave_no_reference_cycles(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    origin.failing = True
    cache = await cache_of(empty)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(100):
            with suppress(ConnectionError):
                await cache.get(str(number), origin)
        gc.collect()
        left = [error for error in gc.garbage if isinstance(error, ConnectionError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert origin.calls == 100
    assert not left


async def test_stale_answer_is_served_while_a_newer_one_is_fetched(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    origin = Origin()
    cache = await cache_of(empty, fresh=60, stale=600, clock=clock)
    await cache.get("k", origin)
    clock.advance(61)
    origin.released.clear()

    await cache.get("k", origin)  # memory is over, Valkey's entry is stale: a load begins
    await until(lambda: origin.calls == 2)
    assert [(await cache.get("k", origin)).entry.body for _ in range(5)] == [b"1"] * 5
    origin.released.set()
    await until(lambda: not cache._refreshing)
    assert (await cache.get("k", origin)).entry.body == b"2"
    assert origin.calls == 2
    assert (await (await cache_of(empty, clock=clock)).get("k", origin)).entry.body == b"2"


async def test_negative_entry_lives_for_its_ttl(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    calls = 0

    async def nothing() -> OriginResponse:
        nonlocal calls
        calls += 1
        raise NotFound("no k")

    cache = await cache_of(empty, missing=0.5, clock=clock)
    for _ in range(3):
        with pytest.raises(NotFound, match="no k"):
            await cache.get("k", nothing)
    assert calls == 1
    clock.advance(0.6)
    assert (await cache.get("k", Origin())).source == "external"


async def test_creation_ends_a_negative_entry_at_once(empty: Settings, cache_of: CacheOf) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    cache = await cache_of(replace(empty, memory_cache_ttl=60.0), missing=60.0)
    with pytest.raises(NotFound):
        await cache.get("k", nothing)
    cache.on_created("k")
    assert (await cache.get("k", Origin())).source == "external"


async def test_slow_load_does_not_prolong_a_negative_entry(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    async def nothing_slowly() -> OriginResponse:
        clock.advance(0.3)
        raise NotFound("no k")

    cache = await cache_of(empty, missing=0.2, clock=clock)
    with pytest.raises(NotFound):
        await cache.get("k", nothing_slowly)
    assert (await cache.get("k", Origin())).source == "external"


async def test_write_reaches_the_memory_of_other_workers(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    patient = replace(empty, memory_cache_ttl=10 * HANG)
    writer, reader = await cache_of(patient), await cache_of(patient)
    await writer.get("k", origin)
    await reader.get("k", origin)
    await writer.invalidate("k")
    await until(lambda: reader.memory_entry("k") is None)
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


@pytest.mark.parametrize("lease", [None, 0.2])
async def test_entry_of_a_key_that_the_origin_no_longer_has_is_dropped_for_all(
    empty: Settings, cache_of: CacheOf, clock: ManualClock, lease: float | None
) -> None:
    async def nothing() -> OriginResponse:
        raise NotFound("no k")

    uncached = replace(empty, memory_cache_entries=0)
    one, other = [
        await cache_of(uncached, stale=600.0, missing=60.0, lease=lease, clock=clock)
        for _ in range(2)
    ]
    await one.get("k", Origin())
    clock.advance(61)
    await one.get("k", nothing)  # stale, and refreshed in the background

    async def is_gone() -> bool:
        try:
            await other.get("k", nothing)
        except NotFound:
            return True
        return False

    await until(is_gone)
