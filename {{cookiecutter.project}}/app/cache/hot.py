import time
from collections.abc import Mapping
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.cache.http import Rendered, Representation, header
from app.cache.layers import Cache
from app.telemetry.request_id import request_id


class HotAnswers:
    """Answers a GET that memory can answer before any routing: the same bytes, a fraction of the
    time. All else goes on to the application, which gives them the long way.

    `routes` maps a path up to its last slash to the cache whose keys come after it.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, tuple[Cache, Representation]]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        if scope["method"] == "GET":
            route, _, key = scope["path"].rpartition("/")
            cached = self._routes.get(route)
            if cached is not None and not scope["query_string"]:
                cache, representation = cached
                held = cache.peek(key)
                if held is not None and not held.entry.missing:
                    rendered = held.rendered
                    if not isinstance(rendered, Rendered):
                        rendered = representation.render(held.entry, "memory")
                        held.rendered = rendered
                    age = time.time() - held.entry.stored
                    answer = rendered.answer(age, header(scope, b"if-none-match"))
                    answer.headers.append((b"x-request-id", request_id(scope)))
                    return await answer(scope, receive, send)
        await self._app(scope, receive, send)
