import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.entries import CachePolicy, Entry, OriginResponse
from servicekit.cache.memory import MemoryCache, MemoryEntry
from servicekit.cache.memory_fast_path import FastEntry, PathIndex
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.tests.clock import ManualClock
from servicekit.tests.served import served

LIFE = CachePolicy(ttl=60.0, stale_ttl=0.0, negative_ttl=1.0)

# With a query string, even an unused one, a request is routed.
ROUTED = "?routed"


async def answers(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> list[tuple[int, list[tuple[bytes, bytes]], bytes]]:
    """The responses of the fast path and of the route, both from memory."""
    given = []
    for address in (path, path + ROUTED):
        response = await client.get(address, headers={"x-request-id": "same", **headers})
        raw = [(name, b"" if name == b"age" else value) for name, value in response.headers.raw]
        given.append((response.status_code, raw, response.content))
    return given


@pytest.mark.parametrize("validator", [None, "held", "other", "*", "list", "weak"])
@pytest.mark.parametrize("path", ["/items/{id}", "/data/h1"])
async def test_fast_path_responds_as_the_route_does(
    client: httpx.AsyncClient, path: str, validator: str | None
) -> None:
    created = await client.post("/items", json={"name": "tea", "price_cents": 1})
    path = path.format(id=created.json()["id"])
    etag = (await client.get(path)).headers["etag"]
    sent = {
        "held": etag,
        "other": '"other"',
        "*": "*",
        "list": f'"other", {etag}',
        "weak": "W/" + etag.removeprefix("W/"),
    }
    headers = {"if-none-match": sent[validator]} if validator else {}

    fast, routed = await answers(client, path, headers)
    assert (b"cache-status", b"memory; hit") in fast[1]
    assert fast == routed
    assert fast[0] == (200 if validator in {None, "other"} else 304)


@pytest.mark.parametrize("stored", ["no cache", "Valkey"])
async def test_first_read_responds_as_the_route_does(
    empty: Settings, upstream: FakeUpstream, stored: str
) -> None:
    for data_id in ("first1", "first2"):
        upstream.answers(data_id, b'{"n": 1}')
    if stored == "Valkey":
        async with served(empty) as before:
            for data_id in ("first1", "first2"):
                await before.client.get(f"/data/{data_id}")
    async with served(empty) as cold:
        given = []
        for path in ("/data/first1", "/data/first2" + ROUTED):
            response = await cold.client.get(path, headers={"x-request-id": "same"})
            changing = (b"age", b"cache-control")  # lifetimes are random within a tenth
            same = [header for header in response.headers.raw if header[0] not in changing]
            given.append((response.status_code, same, response.content))
    fast, routed = given
    assert fast == routed
    assert fast[0] == 200


@pytest.mark.parametrize("path", ["/items/{id}/", "/items/0{id}", "/items//{id}", "/ITEMS/{id}"])
async def test_other_spellings_of_a_path_are_routed(client: httpx.AsyncClient, path: str) -> None:
    created = await client.post("/items", json={"name": "tea", "price_cents": 1})
    item_id = created.json()["id"]
    await client.get(f"/items/{item_id}")

    fast, routed = await answers(client, path.format(id=item_id), {})
    assert fast == routed


async def test_only_get_takes_the_fast_path(client: httpx.AsyncClient) -> None:
    created = await client.post("/items", json={"name": "tea", "price_cents": 1})
    await client.get(created.headers["location"])

    assert (await client.post(created.headers["location"])).status_code == 405
    assert (await client.delete(created.headers["location"])).status_code == 204


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def memory(clock: ManualClock) -> MemoryCache:
    return MemoryCache(max_entries=1, max_bytes=10**6, ttl=5.0, clock=clock)


def put(memory: MemoryCache, paths: PathIndex, key: str, entry: Entry) -> MemoryEntry:
    memory.put(key, entry)
    kept = memory.get(key)
    assert kept
    fast: Any = None  # not asked
    paths.put(f"/items/{key}", FastEntry(kept, fast, key))
    return kept


async def test_evicted_entry_leaves_the_path_index(memory: MemoryCache, clock: ManualClock) -> None:
    paths = PathIndex()
    for number in range(3):
        put(memory, paths, str(number), LIFE.entry(OriginResponse(b"x" * 1_000, '"1"'), clock()))
    first, second, third = (paths.get(f"/items/{number}") for number in range(3))
    assert first is second is None
    assert third
    assert third.kept is memory.get("2")


async def test_entry_that_valkey_gives_again_stays_in_the_path_index(
    memory: MemoryCache, clock: ManualClock
) -> None:
    paths = PathIndex()
    entry = LIFE.entry(OriginResponse(b"tea", '"1"'), clock())
    kept = put(memory, paths, "1", entry)
    clock.advance(4)
    memory.put("1", replace(entry, stored_at=entry.stored_at + 0.001))
    clock.advance(4)
    found = paths.get("/items/1")
    assert found
    assert found.kept is memory.get("1") is kept
    clock.advance(1.5)
    assert memory.get("1") is None


async def test_first_read_of_an_entry_that_is_due_starts_its_refresh(
    memory: MemoryCache, clock: ManualClock
) -> None:
    refreshed: list[str] = []
    fast: Any = SimpleNamespace(refresh=refreshed.append)
    memory.put("1", LIFE.entry(OriginResponse(b"tea", '"1"'), clock()))
    kept = memory.get("1")
    assert kept
    entry = FastEntry(kept, fast, "1")
    for seconds, expected in ((0.0, []), (2.9, []), (0.2, ["1"]), (0.1, ["1"])):
        clock.advance(seconds)
        entry.refresh(clock())
        await asyncio.sleep(0)
        assert refreshed == expected


@pytest.mark.parametrize("change", [{"body": b"mate"}, {"etag": '"2"'}, {"stored_at": 5.0}])
async def test_entry_that_differs_leaves_the_path_index(
    memory: MemoryCache, clock: ManualClock, change: dict[str, Any]
) -> None:
    paths = PathIndex()
    entry = LIFE.entry(OriginResponse(b"tea", '"1"'), clock())
    put(memory, paths, "1", entry)
    newer = replace(entry, **change)
    memory.put("1", newer)
    assert paths.get("/items/1") is None
    kept = memory.get("1")
    assert kept is not None
    assert kept.entry is newer


def test_negative_entry_ends_although_there_is_another(
    memory: MemoryCache, clock: ManualClock
) -> None:
    brief = CachePolicy(ttl=60.0, stale_ttl=0.0, negative_ttl=0.005)
    memory.put("1", brief.negative_entry("No item 1.", clock()))
    clock.advance(0.004)
    memory.put("1", brief.negative_entry("No item 1.", clock()))
    clock.advance(0.004)
    assert memory.get("1") is not None
