"""Which handlers may be answered without routing: those whose author attached nothing to it."""

import re
from collections.abc import Iterator, Mapping

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Empty, ExceptionHandlersMap

_REQUEST = ("request",)  # handlers respond by it; a fast path passes its scope on


def routed(app: Litestar, declared: HTTPRouteHandler) -> tuple[str, HTTPRouteHandler]:
    """The path template, such as /items/{item_id}, at which `app` serves a controller's handler."""
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if getattr(handler.fn, "__func__", handler.fn) is declared.fn:
                return route.path_format, handler
    raise LookupError(f"{declared.handler_name} is cached, but no controller of the app has it.")


def obstacles(
    app: Litestar, handler: HTTPRouteHandler, exception_handlers: ExceptionHandlersMap
) -> list[str]:
    """Names of everything that a fast path would skip.

    Exception handlers other than `exception_handlers` count, and parameters beside the path's,
    since the response may depend on them. Dependencies of the application itself are plain values.
    """
    layers = [layer for layer in handler.ownership_layers if layer is not None]
    attached: dict[str, object] = {
        "guards": handler.resolve_guards(),
        "middleware": handler.resolve_middleware(),
        "before_request": handler.resolve_before_request(),
        "after_request": [layer for layer in layers if getattr(layer, "after_request", None)],
        "after_response": handler.resolve_after_response(),
        "after_exception": app.after_exception,
        "before_send": app.before_send,
        "request_class": handler.resolve_request_class() is not app.request_class,
        "background": handler.background,
        "response_headers": [  # of `cache_control` and `etag`, too
            header for header in handler.resolve_response_headers() if not header.documentation_only
        ],
        "response_cookies": handler.resolve_response_cookies(),
        "dto": [layer for layer in layers if _has_dto(layer)],
        "exception_handlers": [
            error
            for error, respond in handler.resolve_exception_handlers().items()
            # Litestar adds one for Starlette's exceptions, where that is installed.
            if exception_handlers.get(error) is not respond
            and not respond.__module__.startswith("litestar.")
        ],
        "cache": handler.cache,
        "parameters": list(_parameters(handler, app.dependencies)),
    }
    return [name for name, value in attached.items() if value]


def shared_paths(
    app: Litestar, template: str, handler: HTTPRouteHandler, keys: re.Pattern[str]
) -> list[str]:
    """Paths that routing may give to another handler, although they fit the template and a key."""
    parent = template.rpartition("/")[0]
    others = (route for route in app.routes if handler not in getattr(route, "route_handlers", ()))
    siblings = (route.path_format for route in others)
    return [path for path in siblings if _has_key(path, parent, keys)]


def _has_key(path: str, parent: str, keys: re.Pattern[str]) -> bool:
    above, _, key = path.rpartition("/")
    return above == parent and (key.startswith("{") or keys.fullmatch(key) is not None)


def _has_dto(layer: object) -> bool:
    return any(getattr(layer, name, None) not in (None, Empty) for name in ("dto", "return_dto"))


def _parameters(handler: HTTPRouteHandler, values: Mapping[str, object]) -> Iterator[str]:
    dependencies = handler.resolve_dependencies()
    for name in (*handler.parsed_fn_signature.parameters, *handler.resolve_layered_parameters()):
        in_path = any(f"{{{name}:" in path for path in handler.paths)
        plain = name in values and dependencies.get(name) is values[name]
        if not in_path and not plain and name not in _REQUEST:
            yield name
