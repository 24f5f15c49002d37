from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.database.pool import Database
from servicekit.http.problems import rejection


class Bulkheads:
    """Refuses what would only wait for a database in vain, before any work is done for it: what
    is refused later costs five times as much, which those pay who could be served.

    `databases` maps the first segment of a path to what its reads and its writes ask; what is
    `cached` may need none.
    """

    def __init__(
        self,
        app: ASGIApp,
        databases: Mapping[str, tuple[Database, Database]],
        cached: Callable[[HTTPScope], object],
    ) -> None:
        self._app = app
        self._databases = databases
        self._cached = cached
        self.refused = 0  # since the start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        refused = self._refuses(scope)
        if refused is None:
            return await self._app(scope, receive, send)
        self.refused += 1
        await rejection(scope, HTTPStatus.SERVICE_UNAVAILABLE, refused)(scope, receive, send)

    def _refuses(self, scope: HTTPScope) -> str | None:
        behind = self._databases.get(scope["path"][1:].partition("/")[0])
        if behind is None:
            return None
        reads = scope["method"] == "GET"
        refused = behind[not reads].rejection(reads=reads)
        return None if refused is None or self._cached(scope) else refused
