"""Requests that wait for one load get its response, each as if it had been alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.cache.cached_routes import CachedRoute, FastRoute
from servicekit.cache.entries import Entry
from servicekit.cache.representation import Representation
from servicekit.cache.results import CacheResult
from servicekit.cache.single_flight import InFlightLoads, LoadResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.requests import FastPathRecorder
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of
from servicekit.testing.waiting import HANG, until
from servicekit.tests.caches import CacheOf, Origin
from servicekit.tests.served import Served, served

NO_CACHE = Representation(lambda _: "no-cache")


def fast_route(settings: Settings, cache: TwoLevelCache, given_as: Representation) -> FastRoute:
    not_asked: Any = None
    route = CachedRoute(not_asked, re.compile("[a-z]+"), cache, given_as, not_asked)
    return FastRoute("/t/{id}", route, FastPathRecorder("/t/{id}", None, AccessLog(settings)))


async def held_loads(
    settings: Settings, cache: TwoLevelCache, given_as: Representation, *keys: str
) -> tuple[InFlightLoads, Origin, list[asyncio.Task[CacheResult]]]:
    """Loads of the keys, below /t, which end when the origin is released."""
    loads, origin = InFlightLoads(), Origin()
    loads.register("/t", fast_route(settings, cache, given_as))
    origin.released.clear()
    reading = [asyncio.create_task(cache.get(key, origin)) for key in keys]
    await until(lambda: origin.calls == len(keys))
    return loads, origin, reading


@pytest.fixture
async def cold(empty: Settings) -> AsyncIterator[Served]:
    """A service whose caches hold nothing."""
    async with served(empty) as cold:
        yield cold


async def test_subscribers_get_the_response_of_the_first_request(
    cold: Served, upstream: FakeUpstream
) -> None:
    released = upstream.holds("joined1", b'{"n": 1}')
    given = await cold.in_flight_together(
        [cold.client.get("/data/joined1", headers={"x-request-id": f"r{n}"}) for n in range(50)],
        released,
    )

    assert upstream.calls["joined1"] == 1
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
    client: httpx.AsyncClient, cold: Served, upstream: FakeUpstream
) -> None:
    upstream.answers("joined2", b"{}")
    current = {"if-none-match": (await client.get("/data/joined2")).headers["etag"]}
    released = upstream.holds("joined2")
    given = await cold.in_flight_together(
        [cold.client.get("/data/joined2", headers=current) for _ in range(5)], released
    )
    assert [(answer.status_code, answer.content) for answer in given] == [(304, b"")] * 5


async def test_failed_load_gives_each_subscriber_an_error_with_its_own_id(
    cold: Served, upstream: FakeUpstream
) -> None:
    released = upstream.holds("joined3", b"no", status=500)
    given = await cold.in_flight_together(
        [cold.client.get("/data/joined3", headers={"x-request-id": f"r{n}"}) for n in range(5)],
        released,
    )
    assert {answer.status_code for answer in given} == {502}
    headers = [[h for h in answer.headers.raw if h[0] != b"x-request-id"] for answer in given]
    assert headers == [headers[0]] * 5
    upstream.answers("joined3b", b"no", status=500)
    routed = await cold.client.get("/data/joined3b?routed", headers={"x-request-id": "r5"})
    assert headers[0] == [h for h in routed.headers.raw if h[0] != b"x-request-id"]
    assert [problem_of(answer)["request_id"] for answer in given] == [f"r{n}" for n in range(5)]
    assert upstream.calls["joined3"] == 1


async def test_absent_key_gives_all_subscribers_404(cold: Served, upstream: FakeUpstream) -> None:
    released = upstream.holds("joined4", status=404)
    given = await cold.in_flight_together(
        [cold.client.get("/data/joined4") for _ in range(5)], released
    )
    assert {answer.status_code for answer in given} == {404}
    assert upstream.calls["joined4"] == 1


async def test_subscribers_count_as_requests_in_flight(
    empty: Settings, upstream: FakeUpstream
) -> None:
    released = upstream.holds("joined5")
    async with served(replace(empty, max_in_flight=4)) as tight:
        asking = [asyncio.create_task(tight.client.get("/data/joined5")) for _ in range(20)]
        await until(lambda: sum(request.done() for request in asking) == 16)
        released.set()
        given = await asyncio.gather(*asking)
    statuses = [answer.status_code for answer in given]
    assert (statuses.count(200), statuses.count(503)) == (4, 16)


async def test_subscriber_waits_no_longer_than_the_request_timeout(
    empty: Settings, upstream: FakeUpstream
) -> None:
    released = upstream.holds("joined6")
    brief = replace(empty, request_timeout=0.1, upstream_timeout=HANG)
    async with served(brief) as impatient:
        given = await asyncio.gather(*(impatient.client.get("/data/joined6") for _ in range(5)))
        assert {answer.status_code for answer in given} == {504}  # while the upstream still waits
        assert impatient.parts.admission.deadlines_exceeded == 5
    released.set()


async def test_response_that_cannot_be_made_is_an_error_to_each_subscriber(
    empty: Settings, cache_of: CacheOf
) -> None:
    def defect(_entry: Entry) -> str:
        raise ValueError("a defect of the domain")

    cache = await cache_of(empty)
    loads, origin, reading = await held_loads(empty, cache, Representation(defect), "k")
    load, results = loads.get("/t/k"), list[LoadResult]()
    assert load is not None
    for _ in range(2):
        load.subscribe(results.append)
    origin.released.set()
    await asyncio.gather(*reading)
    await until(lambda: len(results) == 2)
    assert [str(result.error) for result in results] == ["a defect of the domain"] * 2


async def test_request_after_a_write_does_not_join_an_older_load(
    empty: Settings, cache_of: CacheOf
) -> None:
    cache = await cache_of(empty)
    loads, origin, reading = await held_loads(empty, cache, NO_CACHE, "k")
    before = loads.get("/t/k")
    assert before is not None
    results: list[LoadResult] = []
    before.subscribe(results.append)
    await cache.invalidate("k")

    assert loads.get("/t/k") is None
    origin.released.set()
    await asyncio.gather(*reading)
    await until(lambda: results)
    assert results[0].response is not None


async def test_oldest_requests_are_answered_first_whatever_they_wait_for(
    empty: Settings, cache_of: CacheOf
) -> None:
    cache = await cache_of(empty)
    loads, origin, reading = await held_loads(empty, cache, NO_CACHE, "a", "b")
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, failure: failures.append(failure))
    answered: list[int] = []

    def answer(number: int, _result: LoadResult) -> None:
        answered.append(number)
        if number == 100:
            raise ValueError("a defect, which holds up no other request")

    for number in range(300):
        load = loads.get("/t/b" if number % 3 else "/t/a")
        assert load is not None
        load.subscribe(partial(answer, number))
    origin.released.set()
    await asyncio.gather(*reading)
    await until(lambda: len(answered) == 300)
    loop.set_exception_handler(handler)
    assert answered == list(range(300))
    assert len(failures) == 1
