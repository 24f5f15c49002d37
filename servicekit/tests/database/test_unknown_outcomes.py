"""A write whose outcome is not known, or that contradicts the cache, invalidates its item."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.dev.servers import migrated_stores
from servicekit.errors import Unavailable
from servicekit.testing.service import serving, with_empty_cache
from servicekit.testing.waiting import until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.waiting import turns
from servicekit.tests.wire import Wire

TEA = {"name": "tea", "price_cents": 1}
COFFEE = {"name": "coffee", "price_cents": 1}
WRITES = pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])


@pytest.fixture(scope="module")
def own(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of servers that no other test uses, whose items stay in Valkey for minutes."""
    with migrated_stores(tmp_path_factory.mktemp("own")) as urls:
        yield replace(
            settings,
            database_url=urls["DATABASE_URL"],
            redis_url=urls["REDIS_URL"],
            memory_cache_ttl=0.5,
        )


@pytest.fixture
async def wire(own: Settings) -> AsyncIterator[Wire]:
    async with Wire.laid(own.database_url) as wire:
        yield wire


async def sql(own: Settings, *statements: str) -> None:
    connection = await asyncpg.connect(own.database_url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@asynccontextmanager
async def commits_waiting_for_a_standby(own: Settings) -> AsyncIterator[None]:
    """PostgreSQL reads its configuration some time after `pg_reload_conf`, so a commit shows it."""
    connection = await asyncpg.connect(own.database_url)

    async def wait() -> bool:
        try:
            await connection.execute("SELECT pg_logical_emit_message(true, '', '')", timeout=0.2)
        except TimeoutError:
            return True
        return False

    async def do_not_wait() -> bool:
        return not await wait()

    await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await connection.execute("SELECT pg_reload_conf()")
    try:
        await until(wait)
        yield
    finally:
        await connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await connection.execute("SELECT pg_reload_conf()")
        await until(do_not_wait)
        await connection.close()


async def cached_item(*clients: httpx.AsyncClient) -> str:
    """The path of an item that memories and Valkey hold."""
    path = (await clients[0].post("/items", json=TEA)).headers["location"]
    for client in (*clients, *clients):
        assert (await client.get(path)).json()["name"] == "tea"
    return path


async def write(client: httpx.AsyncClient, method: str, path: str) -> int:
    body = None if method == "DELETE" else COFFEE
    return (await client.request(method, path, json=body)).status_code


async def shows_the_write(client: httpx.AsyncClient, method: str, path: str) -> bool:
    answer = await client.get(path)
    if method == "DELETE":
        return answer.status_code == 404
    return answer.status_code == 200 and answer.json()["name"] == "coffee"


@WRITES
@pytest.mark.slow("waits for the timeout of a commit")
async def test_write_whose_commit_waits_for_a_standby_is_seen_by_all(
    own: Settings, method: str
) -> None:
    shared = with_empty_cache(own)
    async with serving(create_app(shared)) as one, serving(create_app(shared)) as other:
        path = await cached_item(one, other)
        async with commits_waiting_for_a_standby(own):
            assert await write(one, method, path) == 503
        for client in (one, other):
            await until(lambda client=client: shows_the_write(client, method, path))


async def test_write_whose_answer_was_lost_is_seen(own: Settings, wire: Wire) -> None:
    wired = replace(with_empty_cache(own), database_url=wire.url)
    async with serving(create_app(wired)) as client:
        path = await cached_item(client)
        wire.loses = b"coffee"
        assert await write(client, "PATCH", path) == 503
        await until(lambda: shows_the_write(client, "PATCH", path))


@WRITES
async def test_write_that_is_carried_out_after_its_deadline_is_seen(
    own: Settings, wire: Wire, method: str
) -> None:
    """The statement reaches the server, or goes on there, after the client was answered."""
    wired = replace(with_empty_cache(own), database_url=wire.url, request_timeout=0.5)
    async with serving(create_app(wired)) as client:
        path = await cached_item(client)
        wire.freeze()
        assert await write(client, method, path) in {503, 504}
        wire.thaw()
        await sql(own, f"DELETE FROM items WHERE id = {path[7:]}")  # a late write, whatever came
        await until(lambda: shows_the_write(client, "DELETE", path))


@pytest.mark.parametrize("foreign", ["UPDATE items SET version = 7, name = 'coffee'", "DELETE"])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_rejected_write_that_contradicts_the_cache_invalidates(
    own: Settings, foreign: str, method: str
) -> None:
    kept = replace(with_empty_cache(own), memory_cache_ttl=60.0)
    async with serving(create_app(kept)) as client:
        path = await cached_item(client)
        statement = f"{foreign} FROM items" if foreign == "DELETE" else foreign
        await sql(own, f"{statement} WHERE id = {path[7:]}")
        etag = (await client.get(path)).headers["etag"]
        body = None if method == "DELETE" else TEA
        answer = await client.request(method, path, json=body, headers={"if-match": etag})
        assert answer.status_code == (404 if foreign == "DELETE" else 412)

        after = await client.get(path)
        assert after.status_code == (404 if foreign == "DELETE" else 200)
        assert after.headers.get("etag") != etag


async def test_rejected_write_that_agrees_with_the_cache_leaves_it(own: Settings) -> None:
    kept = replace(with_empty_cache(own), memory_cache_ttl=60.0)
    async with serving(create_app(kept)) as client:
        path = await cached_item(client)
        answer = await client.put(path, json=TEA, headers={"if-match": '"foreign"'})
        assert answer.status_code == 412
        assert (await client.get(path)).headers["cache-status"] == "memory; hit"


def unknown() -> Unavailable:
    error = Unavailable("no answer")
    error.outcome_unknown = True
    return error


@pytest.mark.parametrize(
    "error, body",
    [
        (unknown(), b"2"),
        (TimeoutError(), b"2"),
        (asyncio.CancelledError(), b"2"),
        (Unavailable("The database does not answer."), b"1"),
    ],
)
async def test_write_that_fails_invalidates_unless_it_was_surely_not_sent(
    empty: Settings, cache_of: CacheOf, error: BaseException, body: bytes
) -> None:
    origin = Origin()
    cache, other = await cache_of(empty), await cache_of(replace(empty, memory_cache_entries=0))
    await cache.get("k", origin)
    with pytest.raises(type(error)), cache.writing("k"):
        raise error

    async def agrees() -> bool:
        bodies = [(await reader.get("k", origin)).entry.body for reader in (cache, other)]
        return all(seen >= body for seen in bodies)

    await until(agrees)
    assert ((await cache.get("k", origin)).entry.body == b"1") == (body == b"1")
    await cache.get("k", origin)


async def test_cancelled_invalidation_is_carried_out(empty: Settings, cache_of: CacheOf) -> None:
    origin = Origin()
    async with Wire.laid(empty.redis_url) as wire:
        cache = await cache_of(replace(empty, redis_url=wire.url, redis_timeout=5.0))
        other = await cache_of(replace(empty, memory_cache_entries=0))
        await cache.get("k", origin)
        wire.freeze()
        invalidating = asyncio.create_task(cache.invalidate("k"))
        await turns(1)
        invalidating.cancel()
        await asyncio.wait([invalidating])
        wire.thaw()

        async def is_invalidated() -> bool:
            return (await other.get("k", origin)).entry.body != b"1"

        await until(is_invalidated)
