from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.database import Database
from app.problems import refusal


class Bulkheads:
    """Refuses what would only wait for a database in vain, before any work is done for it: what
    is refused later costs five times as much, which those pay who could be served.

    `databases` maps the first segment of a path to what its reads and its writes ask.
    """

    def __init__(self, app: ASGIApp, databases: Mapping[str, tuple[Database, Database]]) -> None:
        self._app = app
        self._databases = databases
        self.refused = 0  # since the start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        behind = self._databases.get(scope["path"].split("/", 2)[1])
        refused = behind and behind[scope["method"] != "GET"].refuses()
        if not refused:
            return await self._app(scope, receive, send)
        self.refused += 1
        await refusal(scope, HTTPStatus.SERVICE_UNAVAILABLE, refused)(scope, receive, send)
