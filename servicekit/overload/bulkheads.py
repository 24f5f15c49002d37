from collections.abc import Callable, Mapping
from http import HTTPStatus

from litestar.types import HTTPScope

from servicekit.database.pool import DatabasePool
from servicekit.http.problems import rejection
from servicekit.http.responses import RawResponse
from servicekit.overload.admission import Admission

Databases = Mapping[str, tuple[DatabasePool | None, DatabasePool | None]]  # of reads and of writes
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
        databases: Databases,
        cached: Callable[[HTTPScope], object],
        admission: Admission,
    ) -> None:
        self._databases = databases
        self._cached = cached
        self._admission = admission

    def rejection(self, scope: HTTPScope) -> RawResponse | None:
        reason = self._reason(scope)
        if reason is None:
            return None
        self._admission.rejected += 1
        return rejection(scope, HTTPStatus.SERVICE_UNAVAILABLE, reason)

    def _reason(self, scope: HTTPScope) -> str | None:
        databases = self._databases.get(scope["path"].partition("/")[2].partition("/")[0])
        if databases is None:
            return None
        reads = scope["method"] in _READS
        reads_from, writes_to = databases
        reason = writes_to and writes_to.rejection(reads=reads)
        if reason and reads:  # it may need either: the replica for a page, the primary for one item
            reason = reads_from and reads_from.rejection(reads=True)
        return None if not reason or self._cached(scope) else reason
