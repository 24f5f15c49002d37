from collections.abc import Callable

from litestar import Response
from litestar.config.app import AppConfig
from litestar.exceptions import ImproperlyConfiguredException
from litestar.plugins import InitPlugin
from litestar.plugins.base import ReceiveRoutePlugin
from litestar.routes import HTTPRoute
from litestar.routes.base import BaseRoute
from litestar.types import Scope

from servicekit.http.openapi import operation_id, own_operation_id
from servicekit.http.preconditions import PRECONDITIONS
from servicekit.http.problems import EXCEPTION_HANDLERS
from servicekit.http.request import StrictRequest
from servicekit.http.responses import JsonResponse
from servicekit.http.routes import take_directly


class HttpPlugin(InitPlugin, ReceiveRoutePlugin):
    """Makes every route of an application follow RFC 9110.

    Handlers get a strict request and may take `preconditions`, errors become problem details, and
    the `Allow` header of 405 and OPTIONS names HEAD beside GET (`HeadMiddleware` answers it).
    Two operations of the same name stop the start, because the OpenAPI document can't have both.
    """

    def __init__(self) -> None:
        self._operations: dict[str, str] = {}  # method and path, by operation id

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.request_class = StrictRequest
        app_config.response_class = JsonResponse
        app_config.dependencies["preconditions"] = PRECONDITIONS
        app_config.exception_handlers.update(EXCEPTION_HANDLERS)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        if not isinstance(route, HTTPRoute):
            return
        if "HEAD" in route.route_handler_map:
            raise ImproperlyConfiguredException(
                f"{route.path} has a handler for HEAD. Remove it: GET's handler answers HEAD, too."
            )
        self._add_operations(route)
        for handler, model in route.route_handler_map.values():
            take_directly(handler, model)
        if "GET" in route.route_handler_map:
            route.route_handler_map["HEAD"] = route.route_handler_map["GET"]
            route.methods.add("HEAD")
        options, _ = route.route_handler_map["OPTIONS"]
        if options.fn.__module__ == HTTPRoute.__module__:
            # The framework's own handler knows the methods of the path's first handler alone.
            options(_options(sorted(route.methods)))

    def _add_operations(self, route: HTTPRoute) -> None:
        for method, (handler, _) in route.route_handler_map.items():
            if not handler.resolve_include_in_schema():
                continue
            if handler.operation_id is not None:
                handler.operation_id = own_operation_id(handler.operation_id)
            name = (handler.operation_id or operation_id)(handler, method, route.path_components)
            operation = f"{method} {route.path_format}"
            other = self._operations.setdefault(name, operation)
            if other != operation:
                raise ImproperlyConfiguredException(
                    f"{other} and {operation} are both called {name} in the OpenAPI document. "
                    "Rename one of the handlers, or give it an operation_id."
                )


def _options(methods: list[str]) -> Callable[[Scope], Response[None]]:
    def options_handler(scope: Scope) -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": ", ".join(methods)})

    return options_handler
