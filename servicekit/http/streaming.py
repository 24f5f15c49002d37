"""Responses that may last longer than REQUEST_TIMEOUT."""

from typing import Any

from litestar.types import Scope

_STREAMING = "streaming"

# For a route's `opt`: REQUEST_TIMEOUT bounds the time to the start of its response only.
STREAMING: dict[str, Any] = {_STREAMING: True}


def is_streaming(scope: Scope) -> bool:
    """True once routing has found a handler with `opt=STREAMING`."""
    handler = scope.get("route_handler")
    return handler is not None and bool(handler.opt.get(_STREAMING))
