from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.database.pool import DatabasePool
from servicekit.http.problems import rejection
from servicekit.overload.admission import Admission

_READS = ("GET", "HEAD", "OPTIONS")


class Bulkheads:
    """Rejects a request whose database is down or saturated, before routing.

    Rejecting here costs a fifth of rejecting later, so more CPU is left for requests that can
    succeed. `databases` maps a path of one segment, such as /items, to the databases of its reads
    and of its writes, which hold for all paths below it; None needs no database. A request that
    `cached` recognises may need none, and passes.
    """

    def __init__(
        self,
        app: ASGIApp,
        databases: Mapping[str, tuple[DatabasePool | None, DatabasePool | None]],
        cached: Callable[[HTTPScope], object],
        admission: Admission,
    ) -> None:
        self._app = app
        self._databases = databases
        self._cached = cached
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        reason = self._rejects(scope)
        if reason is None:
            return await self._app(scope, receive, send)
        self._admission.rejected += 1
        await rejection(scope, HTTPStatus.SERVICE_UNAVAILABLE, reason)(scope, receive, send)

    def _rejects(self, scope: HTTPScope) -> str | None:
        databases = self._databases.get("/" + scope["path"][1:].partition("/")[0])
        if databases is None:
            return None
        reads = scope["method"] in _READS
        # A read may need either database: the replica for a page, the primary for one item.
        needed = databases if reads else databases[1:]
        reasons = [database and database.rejection(reads=reads) for database in needed]
        return None if not all(reasons) or self._cached(scope) else reasons[0]
