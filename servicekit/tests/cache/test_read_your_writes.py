"""A client that needs its own write reads it through `Cache-Control: no-cache`."""

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import serving, with_empty_cache

NO_CACHE = {"cache-control": "No-Cache"}


async def cached_item_that_changes(client: httpx.AsyncClient, settings: Settings) -> str:
    """The path of an item that was changed where the cache could not notice."""
    created = await client.post("/items", json={"name": "old", "price_cents": 1})
    path = created.headers["location"]
    for _ in range(3):
        await client.get(path)
    connection = await asyncpg.connect(settings.database_url)
    change = "UPDATE items SET name = 'new', version = version + 1 WHERE id = $1"
    await connection.execute(change, int(path[7:]))
    await connection.close()
    assert (await client.get(path)).json()["name"] == "old"
    return path


@pytest.mark.parametrize("query", ["", "?x=1"])
async def test_no_cache_reads_the_database_and_replaces_the_entry(
    settings: Settings, query: str
) -> None:
    kept = replace(with_empty_cache(settings), memory_cache_ttl=60.0)
    async with serving(create_app(kept)) as client:
        path = await cached_item_that_changes(client, settings)
        answer = await client.get(path + query, headers=NO_CACHE)
        assert answer.json()["name"] == "new"
        assert "fwd" in answer.headers["cache-status"]
        for address in (path, f"{path}?x=1"):
            assert (await client.get(address)).json()["name"] == "new"
    async with serving(create_app(kept)) as other:
        assert (await other.get(path)).json()["name"] == "new"


async def test_no_cache_finds_out_that_an_item_is_gone(client: httpx.AsyncClient) -> None:
    created = await client.post("/items", json={"name": "old", "price_cents": 1})
    path = created.headers["location"]
    await client.get(path)
    await client.delete(path)
    assert (await client.get(path, headers=NO_CACHE)).status_code == 404


async def test_no_cache_does_not_reach_an_upstream(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    for _ in range(3):
        assert (await client.get("/data/nc1", headers=NO_CACHE)).status_code == 200
    assert upstream.calls["nc1"] == 1
