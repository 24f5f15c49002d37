import asyncio
import re
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.testing.waiting import HANG, until


async def test_second_read_comes_from_memory(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    first = await client.get("/data/a1")
    second = await client.get("/data/a1")

    assert first.json() == {"data": {"id": "a1"}, "source": "external"}
    assert second.json() == {"data": {"id": "a1"}, "source": "memory"}
    assert upstream.calls["a1"] == 1


async def test_another_worker_reads_the_entry_of_the_first_one(
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
    released = upstream.holds("a3", b'{"n": 1}')
    asking = [asyncio.create_task(client.get("/data/a3")) for _ in range(50)]
    await until(lambda: upstream.calls["a3"])
    released.set()
    answers = await asyncio.gather(*asking)

    assert {answer.status_code for answer in answers} == {200}
    assert upstream.calls["a3"] == 1


async def test_client_that_leaves_does_not_cancel_the_load_for_others(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    released = upstream.holds("a4")
    first = asyncio.create_task(client.get("/data/a4"))
    await until(lambda: upstream.calls["a4"])
    second = asyncio.create_task(client.get("/data/a4"))
    await asyncio.sleep(0)
    first.cancel()
    released.set()

    assert (await second).status_code == 200
    assert upstream.calls["a4"] == 1


async def test_unchanged_data_is_304_from_every_layer(client: httpx.AsyncClient) -> None:
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
async def test_unusable_upstream_response_is_not_served_and_not_kept(
    client: httpx.AsyncClient, upstream: FakeUpstream, status: int, body: bytes, answered: int
) -> None:
    upstream.answers("a6", body, status)
    response = await client.get("/data/a6")
    assert response.status_code == answered
    assert problem_of(response)["status"] == answered

    upstream.answers("a6", b'{"n": 1}')
    assert (await client.get("/data/a6")).json()["data"] == {"n": 1}


async def test_id_that_the_upstream_lacks_is_404_until_the_negative_entry_expires(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("a9", b"{}", status=404)
    async with serving(create_app(replace(with_empty_cache(settings), missing_ttl=HANG))) as client:
        answers = [await client.get("/data/a9") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {404}
        assert upstream.calls["a9"] == 1
    async with serving(create_app(replace(with_empty_cache(settings), missing_ttl=0.1))) as client:
        assert (await client.get("/data/a9")).status_code == 404
        upstream.answers("a9", b"{}")
        await until(lambda: status_is(client, "/data/a9", 200))


async def status_is(client: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await client.get(path)).status_code == status


async def test_slow_upstream_is_504_within_its_timeout(
    settings: Settings, upstream: FakeUpstream
) -> None:
    released = upstream.holds("a7")
    brief = replace(with_empty_cache(settings), upstream_timeout=0.1)
    async with serving(create_app(brief)) as client, asyncio.timeout(HANG):
        assert (await client.get("/data/a7")).status_code == 504
    released.set()


async def test_upstream_that_resets_is_502(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.resets("a8")
    assert (await client.get("/data/a8")).status_code == 502
    assert upstream.calls["a8"] == 2


async def test_calls_with_a_broken_connection_are_retried_within_the_budget(
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


async def test_connection_that_breaks_once_is_retried(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.resets("b3", once=True)
    assert (await client.get("/data/b3")).json()["data"] == {"id": "b3"}
    assert upstream.calls["b3"] == 2


async def test_calls_beyond_the_upstreams_connections_are_503_and_no_failure(
    settings: Settings, upstream: FakeUpstream
) -> None:
    one = replace(with_empty_cache(settings), upstream_connections=1, upstream_timeout=2.0)
    released = [upstream.holds(f"room{number}") for number in range(8)]
    async with serving(create_app(one)) as client:
        asking = [asyncio.create_task(client.get(f"/data/room{n}")) for n in range(8)]
        await until(lambda: sum(task.done() for task in asking) == 7)
        for event in released:
            event.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*asking))
        assert statuses == [200] + [503] * 7
        assert (await client.get("/data/room1")).status_code == 200


async def test_invalid_id_never_reaches_the_upstream(
    settings: Settings, upstream: FakeUpstream
) -> None:
    below = replace(with_empty_cache(settings), upstream_url=f"{upstream.url}/v1/objects")
    async with serving(create_app(below)) as client:
        for path in UNUSABLE_IDS:
            assert await status_of(client, f"/data/{path}") in {400, 404}, path
    assert upstream.calls.total() == 0


UNUSABLE_IDS = [
    *("%2e%2e%2fsecret", "a%20b", "a%00", "%c3%a9", "x" * 65, "a%3fb", "a%23b", "a%3bb"),
    *("..", ".", "%2e%2e", "%2E", ".%2e", "a/..", "../data/..", "a%2f..", "..%2f", "..%5c"),
    *("abc%0a", "%0aabc", "abc%0d%0a", "abc%0d", "..%0a", "a%e2%80%a8", "a%c2%85", "%252e%252e"),
]


async def status_of(client: httpx.AsyncClient, target: str) -> int:
    """The status for a path as a server hands it over: httpx would resolve dot segments."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    statuses: list[int] = []
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
        **{"path": unquote(target), "raw_path": target.encode(), "query_string": b""},
        **{"scheme": "http", "root_path": "", "server": ("service", 80), "client": None},
        **{"state": {}, "headers": [(b"host", b"service")]},
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    await transport.app(scope, receive, send)
    return statuses[0]


async def test_usable_id_is_one_segment_below_the_upstreams_path(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    for data_id in ("a", "...", "a..", "-", "~", ".a", "a.b-c_d~e", "x" * 64):
        assert (await client.get(f"/data/{data_id}")).json()["data"] == {"id": data_id}


async def test_redirect_of_the_upstream_is_502_and_not_followed(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("target", b'{"secret": 1}')
    for status in (301, 302, 307, 308):
        upstream.answers("r1", b"", status, headers={"location": f"{upstream.url}/target"})
        assert (await client.get("/data/r1")).status_code == 502
    assert upstream.calls["target"] == 0


async def test_cookie_of_the_upstream_is_not_sent_with_other_calls(
    settings: Settings, upstream: FakeUpstream
) -> None:
    # aiohttp keeps no cookies of an address, so the upstream is called by name.
    named = upstream.url.replace("127.0.0.1", "localhost")
    upstream.answers("c1", b"{}", headers={"set-cookie": "session=ann; Path=/"})
    own = replace(with_empty_cache(settings), upstream_url=named)
    async with serving(create_app(own)) as client:
        assert (await client.get("/data/c1")).status_code == 200
        assert (await client.get("/data/c2")).status_code == 200
    assert "cookie" not in upstream.headers["c2"]


@pytest.mark.parametrize(
    "headers",
    [{"cache-control": "private, no-store"}, {"cache-control": "no-cache"}, {"vary": "*"}],
)
async def test_response_that_must_not_be_kept_is_asked_for_each_time(
    settings: Settings, upstream: FakeUpstream, headers: dict[str, str]
) -> None:
    upstream.answers("n1", b'{"n": 1}', headers=headers)
    shared = with_empty_cache(settings)
    async with serving(create_app(shared)) as one, serving(create_app(shared)) as other:
        for client in (one, one, other):
            response = await client.get("/data/n1")
            assert response.json() == {"data": {"n": 1}, "source": "external"}
            assert response.headers["cache-control"] == "private, no-store"
            assert "stored" not in response.headers["cache-status"]
    assert upstream.calls["n1"] == 3


async def test_response_is_kept_no_longer_than_the_upstream_allows(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    upstream.answers("k1", b"{}", headers={"cache-control": "max-age=10"})
    response = await client.get("/data/k1")
    assert response.headers["cache-control"] in {"public, max-age=9", "public, max-age=10"}
    assert (await client.get("/data/k1")).json()["source"] == "memory"


async def test_kept_response_is_dropped_when_a_newer_one_must_not_be_kept(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("d1", b'{"n": 1}')
    short = replace(with_empty_cache(settings), data_ttl=0.05, memory_cache_ttl=0.05)
    async with serving(create_app(short)) as client:
        assert (await client.get("/data/d1")).json()["data"] == {"n": 1}
        upstream.answers("d1", b'{"n": 2}', headers={"cache-control": "no-store"})
        newer = {"data": {"n": 2}, "source": "external"}
        await until(lambda: answers_with(client, "/data/d1", newer))
        assert [(await client.get("/data/d1")).json() for _ in range(3)] == [newer] * 3


async def answers_with(client: httpx.AsyncClient, path: str, body: object) -> bool:
    return (await client.get(path)).json() == body


async def test_answer_to_a_call_with_credentials_is_private(
    settings: Settings, upstream: FakeUpstream
) -> None:
    own = upstream.url.replace("http://", "http://service:secret@")
    async with serving(create_app(replace(with_empty_cache(settings), upstream_url=own))) as client:
        response = await client.get("/data/p1")
    assert response.headers["cache-control"].startswith("private, max-age=")
    assert upstream.headers["p1"]["authorization"].startswith("Basic ")


@pytest.mark.parametrize("status", [429, 503])
async def test_upstream_that_asks_to_wait_is_503_with_its_retry_after(
    client: httpx.AsyncClient, upstream: FakeUpstream, status: int
) -> None:
    for given, told in (("7", "7"), ("soon", "1"), ("999999", "3600")):
        upstream.answers("w1", b"{}", status, headers={"retry-after": given})
        response = await client.get("/data/w1")
        assert (response.status_code, problem_of(response)["status"]) == (503, 503)
        assert response.headers.get_list("retry-after") == [told]


UNUSABLE = [(200, b'{"a":' * 5_000 + b"1" + b"}" * 5_000), (200, b"[]"), (302, b""), (429, b"{}")]


@pytest.mark.parametrize("status, body", [*UNUSABLE, (200, b""), (204, b""), (500, b"{}")])
async def test_unusable_responses_open_the_breaker(
    client: httpx.AsyncClient, upstream: FakeUpstream, status: int, body: bytes
) -> None:
    for number in range(7):
        upstream.answers(f"u{number}", body, status)
        assert (await client.get(f"/data/u{number}")).status_code in {502, 503}
    assert upstream.calls.total() == 5


async def test_rejected_requests_do_not_open_the_breaker(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    for status, answered in (
        (400, 502),
        (401, 502),
        (403, 502),
        (404, 404),
        (410, 404),
        (422, 502),
    ):
        upstream.answers(f"v{status}", b"{}", status)
        assert (await client.get(f"/data/v{status}")).status_code == answered
    assert upstream.calls.total() == 6


@pytest.mark.parametrize("status, body", UNUSABLE)
async def test_stale_entry_is_served_while_the_upstream_is_unusable(
    settings: Settings, upstream: FakeUpstream, status: int, body: bytes
) -> None:
    upstream.answers("s1", b'{"n": 1}')
    short = replace(with_empty_cache(settings), data_ttl=0.05, memory_cache_ttl=0.05)
    async with serving(create_app(short)) as client:
        await client.get("/data/s1")
        upstream.answers("s1", body, status)

        async def is_stale() -> bool:
            response = await client.get("/data/s1")
            assert (response.status_code, response.json()["data"]) == (200, {"n": 1})
            return upstream.calls["s1"] > 3

        await until(is_stale)


async def test_stale_entry_is_not_served_where_the_upstream_forbids_it(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("m1", b'{"n": 1}', headers={"cache-control": "must-revalidate"})
    short = replace(with_empty_cache(settings), data_ttl=0.05, memory_cache_ttl=0.05)
    async with serving(create_app(short)) as client:
        assert (await client.get("/data/m1")).status_code == 200
        upstream.answers("m1", b"{}", 500)
        await until(lambda: status_is(client, "/data/m1", 502))
