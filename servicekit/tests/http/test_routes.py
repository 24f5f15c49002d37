"""A route by a shorter way than Litestar's does what Litestar's does."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from litestar import Controller, Litestar, Request, Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromHeader, FromPath, HeaderParameter, JSONBody
from litestar.response import Stream

from servicekit.http.direct import Constant
from servicekit.http.plugin import HttpPlugin
from servicekit.http.preconditions import Preconditions
from servicekit.http.responses import mark_response_started
from servicekit.http.routes import DirectRouting

forms: list[Any] = []


async def needs_token(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if "authorization" not in connection.headers:
        raise NotAuthorizedException


async def answers_first(request: Request[Any, Any, Any]) -> str | None:
    return "first" if "first" in request.query_params else None


async def in_capitals(
    greeting: NamedDependency[str], preconditions: NamedDependency[Preconditions]
) -> str:
    return f"{greeting.upper()} {preconditions.if_match}"


class PlainController(Controller):
    path = "/plain"

    @get("/sync", sync_to_thread=False)
    def sync(self, greeting: NamedDependency[str]) -> dict[str, str]:
        return {"greeting": greeting}

    @get("/header")
    async def header(
        self,
        needed: FromHeader[str],
        agent: Annotated[str | None, HeaderParameter(name="X-Agent", max_length=5)] = None,
    ) -> dict[str, Any]:
        return {"needed": needed, "agent": agent}

    @post("/optional")
    async def optional(self, data: JSONBody[list[int] | None] = None) -> dict[str, Any]:
        return {"data": data}

    @post("/form")
    async def form(self, request: Request[Any, Any, Any]) -> None:
        forms.append((await request.form())["file"])

    @get("/broken")
    async def broken(self) -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            raise ValueError("broken")

        return Stream(pieces())


class HookedController(Controller):
    path = "/hooked"

    @get("/guarded", guards=[needs_token])
    async def guarded(self) -> None: ...

    @get("/before", before_request=answers_first)
    async def before(self) -> str:
        return "second"

    @get("/dependent", dependencies={"capitals": Provide(in_capitals)})
    async def dependent(self, capitals: NamedDependency[str]) -> str:
        return capitals


def refused(_request: Request[Any, Any, Any], error: ValueError) -> Response[str]:
    return Response(str(error), status_code=418)


class NumberController(Controller):
    path = "/numbers"

    @get("/{number:int}", exception_handlers={ValueError: refused})
    async def number(self, number: FromPath[int]) -> int:
        if number == 13:
            raise ValueError("unlucky")
        return number

    @delete("/{number:int}", guards=[needs_token])
    async def remove(self, number: FromPath[int]) -> None: ...

    @get("/latest")
    async def latest(self) -> str:
        return "latest"

    @get("/{number:int}/parts")
    async def parts(self, number: FromPath[int]) -> list[int]:
        return [number]


class WordController(Controller):
    path = "/words"

    @get("/{word:str}")
    async def word(self, word: FromPath[str]) -> str:
        return word


class YearController(Controller):
    path = "/years"

    @get("/{year:int}")
    async def year(self, year: FromPath[int]) -> int:
        return year

    @get("/2000", guards=[needs_token])
    async def leap_year(self) -> None: ...


app = Litestar(
    [PlainController, HookedController, NumberController, WordController, YearController],
    dependencies={"greeting": Constant("hello")},
    plugins=[HttpPlugin()],
    openapi_config=None,
    logging_config=None,
)
routing = DirectRouting(app.asgi_handler, app)


def client_of(handler: Any) -> httpx.AsyncClient:
    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        async def marked(message: Any) -> None:
            mark_response_started(scope)
            await send(message)

        scope |= {"app": app, "litestar_app": app, "state": {"request_id": "1"}}
        await handler(scope, receive, marked)

    transport = httpx.ASGITransport(with_state)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(routing) as client:
        yield client


@pytest.fixture
async def litestar() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app.asgi_handler) as client:
        yield client


def test_only_routes_without_hooks_are_plain() -> None:
    targets = vars(routing)["_targets"].items()
    assert {target.template for (method, *_), target in targets if method != "OPTIONS"} == {
        "/plain/sync",
        "/plain/header",
        "/plain/optional",
        "/plain/form",
        "/plain/broken",
        "/numbers/{number}",
        "/numbers/latest",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize(
    "path",
    [
        "/plain/sync",
        "/plain/sync/",
        "//plain//sync",
        "/plain/none",
        "/hooked/guarded",
        "/numbers/7",
        "/numbers/7/",
        "/numbers/07",
        "/numbers/-7",
        "/numbers/%D9%A7",  # a digit of another script
        "/numbers/13",
        "/numbers/" + 19 * "9",
        "/numbers/" + 20 * "9",
        "/numbers/" + 5_000 * "9",
        "/numbers/",
        "/numbers/latest",
        "/numbers/7/parts",
        "/words/7",
        "/words/seven",
        "/years/1999",
        "/years/2000",
        "/7",
        "/",
    ],
)
async def test_response_is_that_of_litestar(
    client: httpx.AsyncClient, litestar: httpx.AsyncClient, method: str, path: str
) -> None:
    direct, routed = await client.request(method, path), await litestar.request(method, path)
    assert (direct.status_code, direct.headers, direct.content) == (
        routed.status_code,
        routed.headers,
        routed.content,
    )


async def test_error_in_a_response_that_has_begun_ends_it(client: httpx.AsyncClient) -> None:
    with pytest.raises(ExceptionGroup):
        await client.get("/plain/broken")


async def test_sync_handler_gets_constants(client: httpx.AsyncClient) -> None:
    assert (await client.get("/plain/sync")).json() == {"greeting": "hello"}


async def test_options_name_the_methods(client: httpx.AsyncClient) -> None:
    assert (await client.options("/plain/sync")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_first_of_repeated_header_lines_counts(client: httpx.AsyncClient) -> None:
    lines = [("Needed", "a"), ("needed", "b"), ("x-AGENT", "c")]
    response = await client.get("/plain/header", headers=lines)
    assert response.json() == {"needed": "a", "agent": "c"}


@pytest.mark.parametrize("headers", [{}, {"needed": "a", "x-agent": "longer"}])
async def test_missing_or_invalid_header_is_400(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.get("/plain/header", headers=headers)).status_code == 400


async def test_body_may_be_left_out_where_it_is_optional(client: httpx.AsyncClient) -> None:
    assert (await client.post("/plain/optional", json=[1])).json() == {"data": [1]}
    assert (await client.post("/plain/optional")).json() == {"data": None}


async def test_files_of_a_form_are_closed(client: httpx.AsyncClient) -> None:
    response = await client.post("/plain/form", files={"file": b"tea"})
    assert response.status_code == 201
    assert forms.pop().file.closed


async def test_guards_and_hooks_are_called(client: httpx.AsyncClient) -> None:
    assert (await client.get("/hooked/guarded")).status_code == 401
    assert (await client.get("/hooked/guarded", headers={"Authorization": "x"})).status_code == 200
    assert (await client.get("/hooked/before?first=1")).text == "first"
    assert (await client.get("/hooked/before")).text == "second"


async def test_dependencies_take_direct_ones(client: httpx.AsyncClient) -> None:
    response = await client.get("/hooked/dependent", headers={"If-Match": '"1"'})
    assert response.text == """HELLO ('"1"',)"""
