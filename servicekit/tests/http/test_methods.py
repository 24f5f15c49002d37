"""HEAD and OPTIONS of every route, and the headers of every response."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar, head
from litestar.exceptions import ImproperlyConfiguredException
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.http.plugin import HttpPlugin
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import serving, with_empty_cache
from servicekit.tests.served import served

VARYING = {"x-request-id", "age", "date"}


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(with_empty_cache(settings))) as client:
        client.headers["X-Request-ID"] = "always-the-same"  # a problem's body has it: one length
        yield client


async def created(client: httpx.AsyncClient) -> str:
    response = await client.post("/items", json={"name": "tea", "price_cents": 1})
    return response.headers["location"]


def stable(response: httpx.Response) -> tuple[int, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name not in VARYING}
    return response.status_code, headers


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/ready",
        "/items",
        "/items?limit=5",
        "/items?limit=x",
        "/items/999999999",
        "/items/01",
        "/data/head",
        "/schema",
        "/schema/openapi.json",
        "/no",
    ],
)
async def test_head_has_status_and_headers_of_get_and_no_body(
    client: httpx.AsyncClient, path: str
) -> None:
    await client.get(path)  # what can be cached is
    asked, answered = await client.head(path), await client.get(path)

    assert stable(asked) == stable(answered)
    assert "content-length" in answered.headers
    assert asked.content == b""


@pytest.mark.parametrize("validator", [None, "current", "other"])
@pytest.mark.parametrize("query", ["", "?routed"])
async def test_head_of_a_cached_item_is_as_get(
    client: httpx.AsyncClient, query: str, validator: str | None
) -> None:
    path = await created(client) + query
    etag = (await client.get(path)).headers["etag"]
    sent = {"current": {"if-none-match": etag}, "other": {"if-none-match": '"0"'}}
    headers = sent.get(validator or "", {})
    asked = await client.head(path, headers=headers)

    assert stable(asked) == stable(await client.get(path, headers=headers))
    assert asked.status_code == (304 if validator == "current" else 200)
    assert asked.content == b""


async def test_head_of_an_item_that_is_not_cached_loads_it(client: httpx.AsyncClient) -> None:
    path = await created(client)
    asked = await client.head(path)

    assert (asked.status_code, asked.content) == (200, b"")
    answered = await client.get(path)
    assert answered.headers["etag"] == asked.headers["etag"]
    assert answered.headers["content-length"] == asked.headers["content-length"]


async def test_head_joins_a_load_in_flight(empty: Settings, upstream: FakeUpstream) -> None:
    released = upstream.holds("head", b'{"n": 1}')
    async with served(empty) as service:
        client = service.client
        asked, answered = await service.in_flight_together(
            [client.head("/data/head"), client.get("/data/head")], released
        )

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["etag"] == answered.headers["etag"]
    assert upstream.calls["head"] == 1


async def test_head_that_is_rejected_has_no_body(settings: Settings) -> None:
    app = create_app(replace(settings, max_in_flight=1))
    async with serving(app) as client:
        answers = await asyncio.gather(*(client.head("/ready") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200, 503}
        assert {answer.content for answer in answers} == {b""}


async def test_head_handler_is_refused_because_get_answers_head() -> None:
    @head("/mine")
    async def mine() -> None: ...

    with pytest.raises(ImproperlyConfiguredException, match="/mine has a handler for HEAD"):
        Litestar([mine], plugins=[HttpPlugin()])


@pytest.mark.parametrize(
    "path, methods",
    [
        ("/health", "GET HEAD OPTIONS"),
        ("/items", "GET HEAD OPTIONS POST"),
        ("/items/1", "DELETE GET HEAD OPTIONS PATCH PUT"),
        ("/data/a", "GET HEAD OPTIONS"),
    ],
)
async def test_options_and_405_list_all_methods(
    client: httpx.AsyncClient, path: str, methods: str
) -> None:
    options = await client.options(path)
    refused = await client.request("BREW", path)

    assert (options.status_code, refused.status_code) == (204, 405)
    for response in (options, refused):
        assert sorted(response.headers["allow"].split(", ")) == methods.split()


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/health", 200),
        ("GET", "/items", 200),
        ("GET", "/items/999999999", 404),
        ("GET", "/no", 404),
        ("POST", "/items", 400),
        ("POST", "/no", 404),
        ("OPTIONS", "/items", 204),
        ("DELETE", "/health", 405),
        ("GET", "/schema/openapi.json", 200),
    ],
)
async def test_response_forbids_caches_to_store_it(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)

    assert response.status_code == status
    assert response.headers.get_list("cache-control") == ["no-store"]


async def test_cached_response_has_the_time_it_may_be_stored(
    client: httpx.AsyncClient,
) -> None:
    path = await created(client)
    for _ in range(2):
        assert (await client.get(path)).headers.get_list("cache-control") == ["no-cache"]
        data = await client.get("/data/control")
        assert len(data.headers.get_list("cache-control")) == 1
        assert data.headers["cache-control"].startswith("public, max-age=")
