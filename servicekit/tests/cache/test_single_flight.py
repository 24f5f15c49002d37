"""Those who wait for one load are answered together, and as if each had asked alone."""

import asyncio

import httpx
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.cache.representation import Representation
from servicekit.cache.single_flight import InFlightLoads
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.requests import FastPathRecorder
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.tests.caches import CacheOf, Origin


async def test_subscribers_get_the_response_of_the_first_request(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("crowd1", b'{"n": 1}', after=0.2)
    given = await asyncio.gather(
        *(client.get("/data/crowd1", headers={"x-request-id": f"r{n}"}) for n in range(50))
    )

    assert upstream.calls["crowd1"] == 1
    assert [answer.headers["x-request-id"] for answer in given] == [f"r{n}" for n in range(50)]
    own = {b"x-request-id", b"cache-status"}
    leader, *others = (
        (answer.status_code, [h for h in answer.headers.raw if h[0] not in own], answer.content)
        for answer in given
    )
    assert others == [leader] * 49
    statuses = [answer.headers["cache-status"] for answer in given]
    assert statuses[1:] == [f"{statuses[0]}; collapsed"] * 49
    assert leader[2] == b'{"data":{"n": 1},"source":"external"}'


async def test_subscribers_with_a_current_validator_get_304(
    client: httpx.AsyncClient, upstream: FakeUpstream, settings: Settings
) -> None:
    upstream.answers("crowd2", b"{}")
    held = {"if-none-match": (await client.get("/data/crowd2")).headers["etag"]}
    upstream.answers("crowd2", b"{}", after=0.2)
    async with serving(create_app(with_empty_cache(settings))) as cold:
        given = await asyncio.gather(*(cold.get("/data/crowd2", headers=held) for _ in range(5)))
    assert [(answer.status_code, answer.content) for answer in given] == [(304, b"")] * 5


async def test_failed_load_gives_each_subscriber_an_error_with_its_own_id(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("crowd3", b"no", status=500, after=0.2)
    given = await asyncio.gather(
        *(client.get("/data/crowd3", headers={"x-request-id": f"r{n}"}) for n in range(5))
    )
    assert {answer.status_code for answer in given} == {502}
    assert [problem_of(answer)["request_id"] for answer in given] == [f"r{n}" for n in range(5)]
    assert upstream.calls["crowd3"] == 1


async def test_absent_key_gives_all_subscribers_404(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("crowd4", b"", status=404, after=0.2)
    given = await asyncio.gather(*(client.get("/data/crowd4") for _ in range(5)))
    assert {answer.status_code for answer in given} == {404}
    assert upstream.calls["crowd4"] == 1


async def test_subscribers_count_as_requests_in_flight(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("crowd5", b"{}", after=0.3)
    async with serving(create_app(replace(with_empty_cache(settings), max_in_flight=4))) as client:
        given = await asyncio.gather(*(client.get("/data/crowd5") for _ in range(20)))
    statuses = [answer.status_code for answer in given]
    assert (statuses.count(200), statuses.count(503)) == (4, 16)


async def test_subscriber_waits_no_longer_than_the_request_timeout(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("crowd6", b"{}", after=0.4)
    async with serving(
        create_app(replace(with_empty_cache(settings), request_timeout=0.1))
    ) as client:
        async with asyncio.timeout(0.3):
            given = await asyncio.gather(*(client.get("/data/crowd6") for _ in range(5)))
    assert {answer.status_code for answer in given} == {504}


async def test_request_after_a_write_does_not_join_an_older_load(
    empty: Settings, cache_of: CacheOf
) -> None:
    cache, loads = await cache_of(empty), InFlightLoads()
    hot = FastPathRecorder("/t/{id}", None, AccessLog(empty))
    loads.register("/t", cache, Representation(lambda _: "no-cache"), hot)
    reading = asyncio.create_task(cache.get("k", Origin(latency=0.1)))
    await asyncio.sleep(0.05)
    before = loads.get("/t/k")
    assert before is not None
    waiting = before.subscribe()
    await cache.invalidate("k")

    assert loads.get("/t/k") is None
    await reading
    assert (await waiting).rendered is not None
