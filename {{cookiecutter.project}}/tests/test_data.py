import asyncio
import re

import httpx
import pytest
from msgspec.structs import replace
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache

from app.main import create_app
from app.settings import Settings


async def test_second_read_comes_from_memory(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    first = await client.get("/data/a1")
    second = await client.get("/data/a1")

    assert first.json() == {"data": {"id": "a1"}, "source": "external"}
    assert second.json() == {"data": {"id": "a1"}, "source": "memory"}
    assert upstream.calls["a1"] == 1


async def test_another_worker_reads_what_the_first_one_fetched(
    settings: Settings, upstream: FakeUpstream
) -> None:
    shared = with_empty_cache(settings)
    async with serving(create_app(shared)) as one, serving(create_app(shared)) as other:
        await one.get("/data/a2")
        assert (await other.get("/data/a2")).json()["source"] == "cache"
    assert upstream.calls["a2"] == 1


async def test_service_without_an_upstream_answers_503_and_says_so(settings: Settings) -> None:
    async with serving(create_app(replace(settings, upstream_url=""))) as client:
        response = await client.get("/data/a1")
        ready = await client.get("/ready")

    assert response.status_code == 503
    assert problem_of(response)["detail"] == "The service has no upstream: set UPSTREAM_URL."
    assert ready.status_code == 200


async def test_simultaneous_reads_call_the_upstream_once(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("a3", b'{"n": 1}', after=0.1)
    answers = await asyncio.gather(*(client.get("/data/a3") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert upstream.calls["a3"] == 1


async def test_client_that_leaves_does_not_take_the_answer_from_others(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("a4", b'{"n": 1}', after=0.2)
    first = asyncio.create_task(client.get("/data/a4"))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(client.get("/data/a4"))
    await asyncio.sleep(0.05)
    first.cancel()

    assert (await second).status_code == 200
    assert upstream.calls["a4"] == 1


async def test_unchanged_data_is_304_wherever_it_comes_from(client: httpx.AsyncClient) -> None:
    first = await client.get("/data/a5")
    second = await client.get("/data/a5", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, second.status_code) == (200, 304)
    assert re.fullmatch(r"public, max-age=(5\d|60)", first.headers["cache-control"])


@pytest.mark.parametrize(
    "status, body, answered",
    [
        (500, b"{}", 502),
        (200, b"not json", 502),
        (200, b"[1]", 502),
        (200, b'{"n": "\xff"}', 502),
        (200, b'{"n": "' + b"x" * 1_000_000 + b'"}', 502),
    ],
)
async def test_unusable_upstream_answer_is_not_served_and_not_kept(
    client: httpx.AsyncClient, upstream: FakeUpstream, status: int, body: bytes, answered: int
) -> None:
    upstream.answers("a6", body, status)
    response = await client.get("/data/a6")
    assert response.status_code == answered
    assert problem_of(response)["status"] == answered

    upstream.answers("a6", b'{"n": 1}')
    assert (await client.get("/data/a6")).json()["data"] == {"n": 1}


async def test_what_the_upstream_lacks_is_404_until_it_is_asked_again(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("a9", b"{}", status=404)
    async with serving(create_app(replace(with_empty_cache(settings), missing_ttl=0.5))) as client:
        answers = [await client.get("/data/a9") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {404}
        assert upstream.calls["a9"] == 1

        upstream.answers("a9", b"{}")
        await asyncio.sleep(0.6)
        assert (await client.get("/data/a9")).status_code == 200


async def test_slow_upstream_is_504_within_its_timeout(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("a7", b"{}", after=5)
    async with asyncio.timeout(1):
        assert (await client.get("/data/a7")).status_code == 504


async def test_upstream_that_resets_is_502(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.resets("a8")
    assert (await client.get("/data/a8")).status_code == 502
    assert upstream.calls["a8"] == 2


async def test_calls_whose_connection_broke_are_repeated_within_a_budget(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.resets("b1")
    two = replace(with_empty_cache(settings), upstream_connections=2)
    async with serving(create_app(two)) as client:
        for asked in (2, 4, 5, 6):  # twice, as long as the budget's reserve of two lasts
            assert (await client.get("/data/b1")).status_code == 502
            assert upstream.calls["b1"] == asked

        for number in range(10):  # one in ten of the calls
            assert (await client.get(f"/data/b2-{number}")).status_code == 200
        assert (await client.get("/data/b1")).status_code == 502
        assert upstream.calls["b1"] == 8


async def test_connection_that_broke_once_goes_unnoticed(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.resets("b3", once=True)
    assert (await client.get("/data/b3")).json()["data"] == {"id": "b3"}
    assert upstream.calls["b3"] == 2


async def test_what_the_upstream_has_no_room_for_is_503_and_not_held_against_it(
    settings: Settings, upstream: FakeUpstream
) -> None:
    one = replace(with_empty_cache(settings), upstream_connections=1, upstream_timeout=0.6)
    for number in range(8):
        upstream.answers(f"room{number}", b"{}", after=0.4)
    async with serving(create_app(one)) as client:
        answers = await asyncio.gather(*(client.get(f"/data/room{n}") for n in range(8)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [503] * 7
        assert (await client.get("/data/room1")).status_code == 200


@pytest.mark.parametrize("data_id", ["%2e%2e%2fsecret", "a%20b", "a%00", "é", "x" * 65])
async def test_unusable_id_never_reaches_the_upstream(
    client: httpx.AsyncClient, upstream: FakeUpstream, data_id: str
) -> None:
    before = upstream.calls.total()
    assert (await client.get(f"/data/{data_id}")).status_code in {400, 404}
    assert upstream.calls.total() == before
