import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from app.cache.entry import Life, Loaded
from app.cache.layers import Cache, listening
from app.cache.valkey import Valkey
from app.errors import NotFound
from app.local import free_port, valkey
from app.settings import Settings
from tests.service import serving, with_empty_cache

CacheOf = Callable[..., Awaitable[Cache]]


class Origin:
    """Answers with the number of times it was asked, or fails."""

    def __init__(self, latency: float = 0.0) -> None:
        self.calls = 0
        self.failing = False
        self._latency = latency

    async def __call__(self) -> Loaded:
        self.calls += 1
        answer = Loaded(b"%d" % self.calls, f'"{self.calls}"')
        await asyncio.sleep(self._latency)
        if self.failing:
            raise ConnectionError("origin")
        return answer


@pytest.fixture
def empty(settings: Settings) -> Settings:
    return with_empty_cache(settings)


@pytest.fixture
async def cache_of() -> AsyncIterator[CacheOf]:
    async with AsyncExitStack() as opened:

        async def open_cache(
            settings: Settings, fresh: float = 60.0, stale: float = 0.0, missing: float = 0.1
        ) -> Cache:
            shared = Valkey(settings)
            await opened.enter_async_context(shared.lifespan())
            cache = Cache("t", Life(fresh, stale, missing), settings, shared)
            await opened.enter_async_context(listening(shared, cache))
            return cache

        yield open_cache


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
    await cache.forget("k")

    assert (await other.get("k", origin)).entry.body == b"2"
    assert (await cache.get("k", origin)).entry.body != b"1"


async def test_load_that_began_before_a_write_is_not_kept(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.1)
    writer, reader = await cache_of(empty), await cache_of(empty)
    old = [asyncio.create_task(cache.get("k", origin)) for cache in (writer, reader)]
    await asyncio.sleep(0.05)
    await writer.forget("k")
    await asyncio.gather(*old)

    fresh = await cache_of(empty)
    assert (await writer.get("k", origin)).source == "external"
    assert (await fresh.get("k", origin)).source == "external"


async def test_memory_is_renewed_while_it_serves(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    brief = replace(empty, memory_cache_ttl=0.5)
    cache = await cache_of(brief)
    await cache.get("k", origin)
    sources: set[str] = set()
    for _ in range(20):
        await asyncio.sleep(0.05)
        sources.add((await cache.get("k", origin)).source)
    assert sources == {"memory"}
    assert origin.calls == 1


async def test_failure_of_the_origin_reaches_all_who_wait_and_is_not_kept(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.05)
    origin.failing = True
    cache = await cache_of(empty)
    failures = await asyncio.gather(
        *(cache.get("k", origin) for _ in range(5)), return_exceptions=True
    )
    assert [type(failure) for failure in failures] == [ConnectionError] * 5
    assert origin.calls == 1

    origin.failing = False
    assert (await cache.get("k", origin)).entry.body == b"2"


async def test_corrupt_entry_is_a_miss_and_is_rewritten(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    await (await cache_of(empty)).get("k", origin)
    async with Redis.from_url(empty.redis_url) as valkey:
        for garbage in (
            secrets.token_bytes(200),
            b"\x94\xa1x",
            b"null",
            b"\xc1",
            b"\x92\xc4\x01x\xa1\xff",
        ):
            await valkey.set(f"{empty.cache_prefix}t:k", garbage)
            found = await (await cache_of(empty)).get("k", origin)
            assert found.source == "external"
            assert (await (await cache_of(empty)).get("k", origin)).source == "cache"


async def test_dead_cache_is_a_miss(empty: Settings, cache_of: CacheOf) -> None:
    dead = replace(empty, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    origin = Origin()
    cache = await cache_of(dead)

    async with asyncio.timeout(0.5):
        assert (await cache.get("k", origin)).source == "external"
        await cache.forget("k")
        assert (await cache.get("k", origin)).entry.body == b"2"


async def test_stale_answer_is_served_while_a_newer_one_is_fetched(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin(latency=0.05)
    cache = await cache_of(empty, fresh=0.1, stale=60.0)
    await cache.get("k", origin)
    await asyncio.sleep(0.15)

    assert [(await cache.get("k", origin)).entry.body for _ in range(5)] == [b"1"] * 5
    await asyncio.sleep(0.1)
    assert (await cache.get("k", origin)).entry.body == b"2"
    assert (await (await cache_of(empty)).get("k", origin)).entry.body == b"2"
    assert origin.calls == 2


async def test_stale_answer_is_kept_while_the_origin_fails_and_no_longer_than_it_may(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    cache = await cache_of(empty, fresh=0.05, stale=0.3)
    await cache.get("k", origin)
    origin.failing = True
    await asyncio.sleep(0.1)
    assert (await cache.get("k", origin)).entry.body == b"1"
    await asyncio.sleep(0.1)
    assert (await cache.get("k", origin)).entry.body == b"1"

    await asyncio.sleep(0.3)
    with pytest.raises(ConnectionError):
        await cache.get("k", origin)


async def test_absence_is_known_for_its_short_life(empty: Settings, cache_of: CacheOf) -> None:
    calls = 0

    async def nothing() -> Loaded:
        nonlocal calls
        calls += 1
        raise NotFound("no k")

    cache = await cache_of(empty)
    for _ in range(3):
        with pytest.raises(NotFound, match="no k"):
            await cache.get("k", nothing)
    assert calls == 1
    await asyncio.sleep(0.15)
    assert (await cache.get("k", Origin())).source == "external"


async def test_absence_ends_in_all_workers_when_the_key_appears(
    empty: Settings, cache_of: CacheOf
) -> None:
    async def nothing() -> Loaded:
        raise NotFound("no k")

    patient = replace(empty, memory_cache_ttl=60.0)
    creator, reader = await cache_of(patient, missing=60.0), await cache_of(patient, missing=60.0)
    for cache in (creator, reader):
        with pytest.raises(NotFound):
            await cache.get("k", nothing)
    creator.appeared("k")
    assert (await creator.get("k", Origin())).source == "external"
    await asyncio.sleep(0.1)
    assert (await reader.get("k", nothing)).source == "cache"


async def test_write_reaches_the_memory_of_other_workers(
    empty: Settings, cache_of: CacheOf
) -> None:
    """Within the 100 ms that the README promises."""
    origin = Origin()
    patient = replace(empty, memory_cache_ttl=60.0)
    writer, reader = await cache_of(patient), await cache_of(patient)
    await writer.get("k", origin)
    await reader.get("k", origin)
    await writer.forget("k")
    await asyncio.sleep(0.1)

    assert (await reader.get("k", origin)).source == "external"


async def test_frozen_cache_is_a_miss_and_its_late_answers_are_not_mixed_up(
    empty: Settings, cache_of: CacheOf, tmp_path: Path
) -> None:
    with valkey(tmp_path) as url:
        port = str(urlsplit(url).port)
        children = psutil.Process().children()
        [process] = [child for child in children if port in " ".join(child.cmdline())]
        frozen = replace(empty, redis_url=url, memory_cache_entries=0, redis_timeout=0.1)
        cache, origins = await cache_of(frozen), {key: Origin() for key in "abc"}
        origins["b"].calls, origins["c"].calls = 10, 20
        for key, origin in origins.items():
            await cache.get(key, origin)
        process.suspend()
        async with asyncio.timeout(0.5):
            assert (await cache.get("a", origins["a"])).source == "external"
        process.resume()
        for key in "cba" * 5:
            found = await cache.get(key, origins[key])
            assert found.source == "cache"
            assert found.entry.body == {"a": b"1", "b": b"11", "c": b"21"}[key]


async def test_busy_process_does_not_take_its_cache_for_dead(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
    cache = await cache_of(replace(empty, memory_cache_entries=0, redis_timeout=0.1))
    await cache.get("k", origin)
    reading = asyncio.create_task(cache.get("k", origin))
    for _ in range(5):  # until the question is on its way
        await asyncio.sleep(0)
    time.sleep(0.4)  # noqa: ASYNC251 (a loop that is busy elsewhere)

    assert (await reading).source == "cache"


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


async def test_service_answers_without_its_cache(settings: Settings) -> None:
    dead = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(dead) as client:
        created = await client.post("/items", json={"name": "tea", "price_cents": 1})
        found = await client.get(created.headers["location"])
        assert (found.status_code, found.json()) == (200, created.json())
        assert (await client.delete(created.headers["location"])).status_code == 204
