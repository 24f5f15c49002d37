"""Cache-Status (RFC 9211) says what happened, and conditions of a GET hold on every path."""

from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.tests.served import served

STORED = "valkey; fwd=miss; stored, memory; fwd=miss; stored"


async def created(client: httpx.AsyncClient) -> str:
    response = await client.post("/items", json={"name": "tea", "price_cents": 1})
    return response.headers["location"]


async def status_of(client: httpx.AsyncClient, path: str) -> str:
    response = await client.get(path)
    assert response.status_code == 200
    (status,) = response.headers.get_list("cache-status")
    return status


@pytest.mark.parametrize(
    "changes, first, second",
    [
        ({}, STORED, "memory; hit"),
        (
            {"memory_cache_entries": 0},
            "valkey; fwd=miss; stored, memory; fwd=bypass",
            "valkey; hit, memory; fwd=bypass",
        ),
        ({"shared_cache": False}, "valkey; fwd=bypass, memory; fwd=miss; stored", "memory; hit"),
        (
            {"shared_cache": False, "memory_cache_entries": 0},
            "valkey; fwd=bypass, memory; fwd=bypass",
            "valkey; fwd=bypass, memory; fwd=bypass",
        ),
        (
            {"memory_cache_bytes": 1},
            "valkey; fwd=miss; stored, memory; fwd=miss",
            "valkey; hit, memory; fwd=miss",
        ),
    ],
)
@pytest.mark.parametrize("domain", ["items", "data"])
async def test_cache_status_names_each_layer_and_whether_it_stored(
    settings: Settings, domain: str, changes: dict[str, Any], first: str, second: str
) -> None:
    async with serving(create_app(replace(with_empty_cache(settings), **changes))) as client:
        path = await created(client) if domain == "items" else "/data/status"
        assert [await status_of(client, path) for _ in range(2)] == [first, second]


async def test_cache_status_of_another_worker_names_the_shared_hit(settings: Settings) -> None:
    shared = with_empty_cache(settings)
    async with serving(create_app(shared)) as one, serving(create_app(shared)) as other:
        path = await created(one)
        assert await status_of(one, path) == STORED
        assert await status_of(other, path) == "valkey; hit, memory; fwd=miss; stored"


async def test_cache_status_says_that_valkey_is_away(settings: Settings) -> None:
    away = replace(with_empty_cache(settings), redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with serving(create_app(away)) as client:
        statuses = [await status_of(client, await created(client)) for _ in range(10)]
        unavailable = "valkey; fwd=miss; detail=unavailable, memory; fwd=miss; stored"
        assert unavailable in statuses  # the listener that reconnects empties the memory at times
        assert not any("valkey; fwd=miss; stored" in status for status in statuses)


async def test_cache_status_says_which_reads_joined_a_load(
    empty: Settings, upstream: FakeUpstream
) -> None:
    released = upstream.holds("joining")
    async with served(empty) as service:
        given = await service.in_flight_together(
            [service.client.get("/data/joining") for _ in range(3)], released
        )
    statuses = [answer.headers["cache-status"] for answer in given]
    assert statuses == [STORED, f"{STORED}; collapsed", f"{STORED}; collapsed"]


@pytest.mark.parametrize(
    "if_match, if_none_match, status",
    [
        ([], ['"other"', "{etag}"], 304),
        ([], ["{etag}", '"other"'], 304),
        ([], ['"a,b", {etag}'], 304),
        ([], ['"a, {etag}, b"'], 304),  # the first and the last element are no tags
        ([], ['"a"{etag}'], 200),
        ([], ['"other"', '"another"'], 200),
        (["{etag}"], [], 200),
        (['"other"', "{etag}"], [], 200),
        (["*"], [], 200),
        (["*"], ["{etag}"], 304),
        (["{etag}"], ["*"], 304),
        (['"other"'], [], 412),
        (['"other"'], ["{etag}"], 412),
        (["W/{etag}"], [], 412),
    ],
)
@pytest.mark.parametrize("query", ["", "?routed"])
async def test_conditions_of_a_get_follow_their_precedence_on_every_path(
    client: httpx.AsyncClient,
    query: str,
    if_match: list[str],
    if_none_match: list[str],
    status: int,
) -> None:
    path = await created(client)
    etag = (await client.get(path)).headers["etag"]
    headers = [("if-match", line.format(etag=etag)) for line in if_match]
    headers += [("if-none-match", line.format(etag=etag)) for line in if_none_match]
    for method in ("GET", "HEAD"):
        response = await client.request(method, path + query, headers=headers)
        assert response.status_code == status
        if status == 412 and method == "GET":
            assert problem_of(response)["status"] == 412


async def test_if_match_never_holds_for_a_weak_entity_tag(client: httpx.AsyncClient) -> None:
    for path in ("/data/weak", "/data/weak?routed"):
        etag = (await client.get(path)).headers["etag"]
        assert etag.startswith("W/")
        assert (await client.get(path, headers={"if-match": etag})).status_code == 412
        assert (await client.get(path, headers={"if-match": "*"})).status_code == 200
