import asyncio
import secrets
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.dev.servers import valkey
from servicekit.testing.service import serving
from servicekit.testing.waiting import HANG, until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.clock import ManualClock
from servicekit.tests.waiting import turns


async def test_failed_load_is_raised_to_all_readers_and_not_cached(
    empty: Settings, cache_of: CacheOf
) -> None:
    origin = Origin()
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

    async with asyncio.timeout(HANG):
        assert (await cache.get("k", origin)).source == "external"
        await cache.invalidate("k")
        assert (await cache.get("k", origin)).entry.body == b"2"


async def test_stale_answer_is_kept_while_the_origin_fails_and_no_longer_than_it_may(
    empty: Settings, cache_of: CacheOf, clock: ManualClock
) -> None:
    origin = Origin()
    cache = await cache_of(empty, fresh=60, stale=600, clock=clock)
    await cache.get("k", origin)
    origin.failing = True
    for _ in range(2):
        clock.advance(61)
        assert (await cache.get("k", origin)).entry.body == b"1"
        await until(lambda: not cache._refreshing)

    clock.advance(600)
    with pytest.raises(ConnectionError):
        await cache.get("k", origin)


async def test_frozen_cache_is_a_miss_and_its_late_answers_are_not_mixed_up(
    empty: Settings, cache_of: CacheOf, tmp_path: Path
) -> None:
    with valkey(tmp_path) as url:
        port = str(urlsplit(url).port)
        children = psutil.Process().children()
        [process] = [child for child in children if port in " ".join(child.cmdline())]
        frozen = replace(empty, redis_url=url, memory_cache_entries=0, redis_timeout=1.0)
        cache, origins = await cache_of(frozen), {key: Origin() for key in "abc"}
        origins["b"].calls, origins["c"].calls = 10, 20
        for key, origin in origins.items():
            await cache.get(key, origin)
        process.suspend()
        async with asyncio.timeout(HANG):
            assert (await cache.get("a", origins["a"])).source == "external"
        process.resume()
        await until(lambda: cache._shared._valkey.breaker.closed)
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
    await turns(5)  # until the question is on its way
    time.sleep(0.4)  # noqa: ASYNC251 (a loop that is busy elsewhere)

    assert (await reading).source == "cache"


@pytest.mark.parametrize("message", [b"\xff \xff", b"", b"w", b"w t:\xff", b"w :", b"w k"])
async def test_other_worker_evicts_any_key_after_a_foreign_message(
    empty: Settings, cache_of: CacheOf, message: bytes
) -> None:
    own = replace(empty, memory_cache_ttl=10 * HANG)
    one, other = await cache_of(own), await cache_of(own)
    async with Redis.from_url(empty.redis_url) as valkey:
        assert await valkey.publish(f"{empty.cache_prefix}forget", message) == 2
    for key in ("k", "two words", "%20", "a:é\n"):
        await other.get(key, origin := Origin())
        await one.invalidate(key)

        async def seen(key: str = key, origin: Origin = origin) -> bool:
            return (await other.get(key, origin)).entry.body == b"2"

        await until(seen)


async def test_write_while_valkey_is_busy_with_a_script_invalidates(
    empty: Settings, cache_of: CacheOf, tmp_path: Path
) -> None:
    with valkey(tmp_path) as url:
        cache, origin = await cache_of(replace(empty, redis_url=url, redis_timeout=HANG)), Origin()
        await cache.get("k", origin)
        async with Redis.from_url(url) as redis, Redis.from_url(url) as another:
            await redis.config_set("busy-reply-threshold", 1)
            looping = asyncio.ensure_future(redis.eval("while true do end", 0))

            async def is_busy() -> bool:
                try:
                    return not await another.ping()
                except ResponseError as error:
                    return str(error).startswith("BUSY")

            await until(is_busy)
            await cache.invalidate("k")
            await another.execute_command("SCRIPT", "KILL")
            with suppress(ResponseError):
                await looping
        await until(cache._shared._valkey.is_available)
        assert (await cache.get("k", origin)).entry.body == b"2"


async def test_tombstone_that_the_server_refuses_is_written_later(
    empty: Settings, cache_of: CacheOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, origin = replace(empty, memory_cache_entries=0), Origin()
    cache = await cache_of(own, fresh=10 * HANG)
    await cache.get("k", origin)
    monkeypatch.setattr("servicekit.cache.valkey._SET_ALL", "return redis.error_reply('not now')")
    await cache.invalidate("k")

    async def seen() -> bool:
        return (await cache.get("k", origin)).entry.body == b"2"

    await until(seen)


async def test_service_answers_without_its_cache(settings: Settings) -> None:
    dead = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(create_app(dead)) as client:
        created = await client.post("/items", json={"name": "tea", "price_cents": 1})
        found = await client.get(created.headers["location"])
        assert (found.status_code, found.json()) == (200, created.json())
        assert (await client.delete(created.headers["location"])).status_code == 204
