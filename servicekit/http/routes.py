"""Shorter ways through Litestar to a handler, which give it the same arguments.

They rely on how Litestar 2.25 keeps a route's handlers and what it takes from a request for them.
"""

from collections.abc import Awaitable
from typing import Any, NamedTuple

from litestar import Litestar
from litestar._asgi.utils import wrap_in_exception_handler
from litestar._kwargs import KwargsModel
from litestar._kwargs.extractors import create_connection_value_extractor
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Empty, HTTPScope, Receive, Send
from litestar.utils.scope.state import ScopeState

from servicekit.http.direct import Direct
from servicekit.http.request import StrictRequest
from servicekit.http.responses import HttpApp, response_started

_DIGITS = 19  # of BIGINT's largest


class _Target(NamedTuple):
    """A handler, what Litestar takes from a request for it, its path's template and parameter."""

    handler: HTTPRouteHandler
    model: KwargsModel
    template: str
    parameter: str | None


class DirectRouting:
    """Calls the handlers of plain routes, by a shorter way than Litestar's.

    A plain route has no guards, hooks, middleware and form data, and at most one parameter: an
    integer, as its last segment. All other requests go to `app`, which is Litestar, and errors to
    the exception handlers of the route.
    """

    def __init__(self, app: HttpApp, litestar: Litestar) -> None:
        self._app = app
        # By method, path (above the number, if its last segment is one), and whether it is.
        self._targets: dict[tuple[str, str, bool], _Target] = {}
        for route in litestar.routes:
            if isinstance(route, HTTPRoute) and _has_plain_path(route, litestar):
                self._add(route, litestar)

    def _add(self, route: HTTPRoute, litestar: Litestar) -> None:
        parameter, path = next(iter(route.path_parameters), None), route.path_format
        place = path.rpartition("/")[0] if parameter else path
        example = f"{place}/0" if parameter else path
        for method, (handler, model) in route.route_handler_map.items():
            asgi, found, *_ = litestar.asgi_router.handle_routing(path=example, method=method)
            if found is handler and asgi == route.handle and _is_plain(handler, model):
                target = _Target(handler, model, path, parameter)
                self._targets[method, place, parameter is not None] = target

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"]
        above, _, last = path.rpartition("/")
        numbered = last.isdecimal() and len(last) <= _DIGITS
        target = self._targets.get((scope["method"], above if numbered else path, numbered))
        if target is None:
            return self._app(scope, receive, send)
        values: Any = {target.parameter: int(last)} if target.parameter else {}
        scope["path_params"] = values
        scope["path_template"] = target.template
        scope["route_handler"] = target.handler
        return _respond(target, scope, receive, send)


async def _respond(target: _Target, scope: HTTPScope, receive: Receive, send: Send) -> None:
    handler, model = target.handler, target.model
    try:
        request = StrictRequest(scope, receive, send)
        try:
            values: dict[str, Any] = {}
            if model.has_kwargs:
                given = await model.to_kwargs(request)
                if given.get("data") is Empty:
                    del given["data"]
                values = handler.signature_model.parse_values_from_connection_kwargs(request, given)
            data = handler.fn(**values)
            if not handler.has_sync_callable:
                data = await data
            response = await handler.to_response(scope["litestar_app"], data, request)
            await response(scope, receive, send)
        finally:
            if request._form is not Empty:  # the handler read it; its files are closed here
                await request._form.close()
    except Exception as error:
        if response_started(scope):
            raise
        await _handle(error, scope, receive, send)


async def _handle(error: Exception, scope: HTTPScope, receive: Receive, send: Send) -> None:
    async def failed(*_: object) -> None:
        raise error

    handlers = scope["route_handler"].resolve_exception_handlers()
    ScopeState.from_scope(scope).exception_handlers = handlers
    await wrap_in_exception_handler(failed)(scope, receive, send)


def _has_plain_path(route: HTTPRoute, litestar: Litestar) -> bool:
    above, _, last = route.path_format.rpartition("/")
    types = [parameter.type for parameter in route.path_parameters.values()]
    if not types:
        return True
    siblings = (other.path_format.removeprefix(f"{above}/")[:1] for other in litestar.routes)
    return types == [int] and last[:1] == "{" and not any(map(str.isdecimal, siblings))


def _is_plain(handler: HTTPRouteHandler, model: KwargsModel) -> bool:
    needed = (
        handler.resolve_guards(),
        handler.resolve_before_request(),
        handler.resolve_after_response(),
        handler.cache,
        model.dependency_batches,
        model.expected_form_data,
        model.expected_msgpack_data,
        model.expected_data_dto,
    )
    return not any(needed) and handler.resolve_request_class() is StrictRequest


def take_directly(handler: HTTPRouteHandler, model: KwargsModel) -> None:
    """Spares each request what Litestar needs in general:

    - a task for each dependency of a batch (60 µs): one that is not async never waits, so it gets
      a batch of its own, which takes no task. A `Direct` one needs no batch (5 µs);
    - an object of all headers where the handler takes some of them (3 µs).
    """
    direct: dict[str, Direct] = {}
    split = []
    for batch in model.dependency_batches:
        for dependency in batch:
            if isinstance(dependency.provide, Direct):
                direct[dependency.key] = dependency.provide
        rest = {dependency for dependency in batch if dependency.key not in direct}
        never_wait = [dependency for dependency in rest if dependency.provide.has_sync_callable]
        rest = rest.difference(never_wait)
        split += [{dependency} for dependency in never_wait] + ([rest] if rest else [])
    model.dependency_batches = split

    headers, model.expected_header_params = model.expected_header_params, set()
    model.extractors = model._create_extractors()
    model.expected_header_params = headers
    if not split:  # those of `Direct` dependencies are for the OpenAPI document alone
        own = handler.signature_model._fields
        headers = {header for header in headers if header.field_name in own}
    if headers:
        extractor = create_connection_value_extractor(model, "headers", headers, _first_of_each)
        model.extractors.append(extractor)

    async def extract(values: dict[str, Any], request: Any) -> None:
        for key, provided in direct.items():
            values[key] = provided.make(request)

    if direct:
        model.extractors.append(extract)


def _first_of_each(
    connection: ASGIConnection[Any, Any, Any, Any], _model: KwargsModel
) -> dict[str, str]:
    """The first value of each header, by its name in lower case."""
    last_to_first = [*connection.scope["headers"]][::-1]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in last_to_first}
