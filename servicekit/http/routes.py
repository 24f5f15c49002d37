"""Shorter ways through Litestar to a handler, which give it the same arguments.

They rely on how Litestar 2.25 keeps a route's handlers and what it takes from a request for them.
"""

from typing import Any

from litestar._kwargs import KwargsModel
from litestar._kwargs.extractors import create_connection_value_extractor
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Empty, HTTPScope, Receive, Send

from servicekit.http.direct import Direct
from servicekit.http.request import StrictRequest


def shorten(route: HTTPRoute) -> None:
    """Takes out of a route's ways to its handlers what costs more than it gives."""
    for handler, model in route.route_handler_map.values():
        _take_directly(handler, model)
    if all(_is_plain(*handler) for handler in route.route_handler_map.values()):
        route.__class__ = _PlainRoute


class _PlainRoute(HTTPRoute):
    """A route without guards, hooks and form data, by a shorter way than Litestar's: 3 µs less."""

    __slots__ = ()

    async def handle(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        handler, model = self.route_handler_map[scope["method"]]
        request = StrictRequest(scope, receive, send)
        try:
            values = await model.to_kwargs(request)
            if values.get("data") is Empty:
                del values["data"]
            values = handler.signature_model.parse_values_from_connection_kwargs(request, values)
            data = handler.fn(**values)
            if not handler.has_sync_callable:
                data = await data
            response = await handler.to_response(scope["litestar_app"], data, request)
            await response(scope, receive, send)
        finally:
            if request._form is not Empty:  # the handler read it; its files are closed here
                await request._form.close()


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


def _take_directly(handler: HTTPRouteHandler, model: KwargsModel) -> None:
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
