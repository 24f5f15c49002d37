"""Everything that an author attaches to a cached handler holds on every way to its response."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import Controller, Litestar, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader, Cookie, ETag, ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.dto import MsgspecDTO
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath, HeaderParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from app.main import DOMAINS
from app.settings import Settings
from servicekit.cache.cached_routes import CachedRoute, FastRoutes
from servicekit.cache.entries import CachePolicy, OriginResponse
from servicekit.cache.fast_path_rules import obstacles, routed
from servicekit.cache.representation import Representation
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.domain import Domain
from servicekit.errors import NotFound
from servicekit.http.responses import RawResponse
from servicekit.parts import Parts
from servicekit.pipeline import litestar_app, service
from servicekit.telemetry.logs import LOG_CONTEXT
from servicekit.testing.service import serving, with_empty_cache
from servicekit.tests.waiting import turns

Key = FromPath[str]
THING = Representation(lambda _entry: "no-cache")


class Thing(msgspec.Struct):
    secret: int


class ThingStore:
    def __init__(self, cache: TwoLevelCache) -> None:
        self._cache = cache

    async def read(self, key: str) -> CacheResult:
        return await self._cache.get(key, lambda: self.load(key))

    async def load(self, key: str) -> OriginResponse:
        await turns(20)  # so that requests that come together share the load
        if key == "missing":
            raise NotFound("There is no such thing.")
        if key == "context":
            return OriginResponse(msgspec.json.encode(LOG_CONTEXT.get()), '"1"')
        return OriginResponse(b'{"secret":1}', '"1"')


async def read_thing(
    self: Controller, request: Request[Any, Any, Any], key: Key, things: NamedDependency[ThingStore]
) -> ASGIApp:
    return THING.answer(request.scope, await things.read(key))


def controller(on_handler: dict[str, Any], **on_controller: Any) -> type[Controller]:
    handler = get("/{key:str}", **on_handler)(read_thing)
    return type(
        "ThingController", (Controller,), {"path": "/things", "one": handler, **on_controller}
    )


@asynccontextmanager
async def client_of(settings: Settings, kind: type[Controller]) -> AsyncIterator[httpx.AsyncClient]:
    parts = Parts(with_empty_cache(settings))
    cache = parts.cache("thing", CachePolicy(60.0, 60.0, 1.0))
    store = ThingStore(cache)
    handler = vars(kind)["one"]
    domain = Domain(
        controller=kind,
        dependencies={"things": store},
        cached=CachedRoute(handler, re.compile("[a-z]+"), cache, THING, store.load),
    )
    async with serving(service(parts, [domain])) as client:
        yield client


async def every_path(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Cold and alone, shared with the load of another, hot, and by routing."""
    cold = await asyncio.gather(*(client.get("/things/a") for _ in range(3)))
    return [*cold, await client.get("/things/a"), await client.get("/things/a?x=1")]


def forbids(_connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    raise PermissionDeniedException("The scope 'things:read' is missing.")


async def responds_first(_request: Request[Any, Any, Any]) -> Response[None]:
    return Response(None, status_code=403)


async def responds_last(_response: object) -> ASGIApp:
    return RawResponse(403, [], b"")


class Forbidding:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(None, status_code=403).to_asgi_response(None, Request(scope))(
            scope, receive, send
        )


FORBIDDING = {
    "guards": {"guards": [forbids]},
    "before_request": {"before_request": responds_first},
    "after_request": {"after_request": responds_last},
    "middleware": {"middleware": [DefineMiddleware(Forbidding)]},
}


@pytest.mark.parametrize("layer", ["handler", "controller"])
@pytest.mark.parametrize("attached", list(FORBIDDING))
async def test_forbidden_response_is_sent_by_no_path(
    settings: Settings, attached: str, layer: str
) -> None:
    options = FORBIDDING[attached]
    kind = controller(options) if layer == "handler" else controller({}, **options)
    async with client_of(settings, kind) as client:
        responses = await every_path(client)
    assert {response.status_code for response in responses} == {403}
    assert not any(b"secret" in response.content for response in responses)


@pytest.mark.parametrize("layer", ["handler", "controller"])
async def test_response_headers_and_cookies_are_sent_by_every_path(
    settings: Settings, layer: str
) -> None:
    options: dict[str, Any] = {
        "response_headers": [ResponseHeader(name="x-own", value="1")],
        "response_cookies": [Cookie(key="own", value="1")],
        "after_request": with_own_header,
    }
    kind = controller(options) if layer == "handler" else controller({}, **options)
    async with client_of(settings, kind) as client:
        responses = await every_path(client)
    assert {response.status_code for response in responses} == {200}
    assert {response.headers.get("x-hook") for response in responses} == {"1"}


async def with_own_header(response: Any) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-hook", b"1")]
            await send(message)

        await response(scope, receive, marked)

    return app


@pytest.mark.parametrize("layer", ["handler", "controller"])
async def test_own_exception_handler_responds_on_every_path(settings: Settings, layer: str) -> None:
    def teapot(_request: Request[Any, Any, Any], _error: Exception) -> Response[None]:
        return Response(None, status_code=418)

    options = {"exception_handlers": {NotFound: teapot, HTTPException: teapot}}
    kind = controller(options) if layer == "handler" else controller({}, **options)
    async with client_of(settings, kind) as client:
        one = "/things/missing"
        cold = await asyncio.gather(*(client.get(one) for _ in range(3)))
        responses = [*cold, await client.get(one), await client.get(one + "?x=1")]
    assert {response.status_code for response in responses} == {418}


async def test_dependency_of_the_handler_is_called_on_every_path(settings: Settings) -> None:
    async def forbidden() -> None:
        raise PermissionDeniedException

    async def read(
        self: Controller,
        request: Request[Any, Any, Any],
        key: Key,
        things: NamedDependency[ThingStore],
        user: NamedDependency[None],
    ) -> ASGIApp:
        return THING.answer(request.scope, await things.read(key))

    handler = get("/{key:str}", dependencies={"user": Provide(forbidden)})(read)
    kind = type("ThingController", (Controller,), {"path": "/things", "one": handler})
    async with client_of(settings, kind) as client:
        assert {response.status_code for response in await every_path(client)} == {403}


async def test_header_that_the_handler_reads_is_read_on_every_path(settings: Settings) -> None:
    async def read(
        self: Controller,
        request: Request[Any, Any, Any],
        key: Key,
        things: NamedDependency[ThingStore],
        tenant: Annotated[str, HeaderParameter(name="X-Tenant")],
    ) -> ASGIApp:
        return THING.answer(request.scope, await things.read(key))

    handler = get("/{key:str}")(read)
    kind = type("ThingController", (Controller,), {"path": "/things", "one": handler})
    async with client_of(settings, kind) as client:
        assert {response.status_code for response in await every_path(client)} == {400}


@pytest.mark.parametrize("path", ["/latest", "/{other:int}", "/{rest:path}"])
async def test_path_of_another_route_is_answered_as_by_routing_on_every_path(
    settings: Settings, path: str
) -> None:
    async def other(self: Controller) -> str:
        return "other"

    kind = controller({}, other=get(path)(other))
    async with client_of(settings, kind) as client:
        client.headers["x-request-id"] = "same"
        responses = [await client.get("/things/latest" + query) for query in ("?x=1", "", "")]
    assert len({(response.status_code, response.content) for response in responses}) == 1


class OwnRequest(Request[Any, Any, Any]):
    pass


PLAIN = {"response_headers": [ResponseHeader(name="etag", documentation_only=True)]}
ATTACHED = {
    **FORBIDDING,
    "after_response": {"after_response": responds_first},
    "response_headers": {"response_headers": [ResponseHeader(name="x-own", value="1")]},
    "response_cookies": {"response_cookies": [Cookie(key="own", value="1")]},
    "dto": {"return_dto": MsgspecDTO[Thing]},
    "exception_handlers": {"exception_handlers": {NotFound: responds_last}},
    "cache": {"cache": 10},
    "cache_control": {"cache_control": CacheControlHeader(private=True)},
    "etag": {"etag": ETag(value="1")},
    "request_class": {"request_class": OwnRequest},
}


@pytest.mark.parametrize("attached", [None, *ATTACHED])
def test_handler_has_a_fast_path_if_nothing_is_attached_to_it(
    settings: Settings, attached: str | None
) -> None:
    kind = controller(ATTACHED[attached] if attached else PLAIN)
    app = Litestar([kind], dependencies={"things": Provide(lambda: None, sync_to_thread=False)})
    _, handler = routed(app, vars(kind)["one"])
    found = obstacles(app, handler, app.exception_handlers)
    assert bool(found) == bool(attached)


@pytest.mark.parametrize("domain", DOMAINS)
def test_cached_routes_of_the_example_domains_have_a_fast_path(
    settings: Settings, domain: Callable[[Parts[Settings]], Domain]
) -> None:
    parts = Parts(settings)
    declared = domain(parts)
    app = litestar_app(parts, [declared])
    assert declared.cached
    assert list(FastRoutes(app, [declared.cached], parts.metrics.fast_path_recorder).items())


def test_cached_handler_of_no_controller_stops_the_start(settings: Settings) -> None:
    parts = Parts(with_empty_cache(settings))
    cache = parts.cache("thing", CachePolicy(60.0, 60.0, 1.0))
    store = ThingStore(cache)

    async def other(key: Key) -> None: ...

    handler = get("/{key:str}")(other)
    cached = CachedRoute(handler, re.compile("[a-z]+"), cache, THING, store.load)
    domain = Domain(controller=controller({}), dependencies={"things": store}, cached=cached)
    with pytest.raises(LookupError, match="other is cached, but no controller"):
        service(parts, [domain])


@pytest.mark.parametrize("path", ["/things/context", "/things/context?routed"])
async def test_log_lines_of_a_load_have_the_id_of_the_request_that_began_it(
    settings: Settings, path: str
) -> None:
    async with client_of(settings, controller({})) as client:
        response = await client.get(path, headers={"x-request-id": "first"})
    assert response.json() == {"request_id": "first"}
    assert LOG_CONTEXT.get() == {}
