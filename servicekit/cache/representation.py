import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from litestar.types import HTTPScope

from servicekit.cache.entries import Entry
from servicekit.cache.results import CacheResult, Source
from servicekit.http.preconditions import status_of_read
from servicekit.http.problems import problem_response
from servicekit.http.responses import Headers, RawResponse, TextHeaders, as_text
from servicekit.telemetry.requests import FastPathRecorder


class Rendered(msgspec.Struct, frozen=True):
    """An entry as one layer gives it, but for the headers that differ each time."""

    etag: bytes
    body: bytes
    full: Headers
    unchanged: Headers

    def for_fast_path(self, stored_at: float, recorder: FastPathRecorder) -> "FastResponse":
        full, unchanged = as_text(self.full), as_text(self.unchanged)
        etag = self.etag.decode("ascii", "backslashreplace")  # as it is sent
        return FastResponse(etag, self.body, full, unchanged, stored_at, recorder)

    def answer(self, scope: HTTPScope, age: float) -> RawResponse:
        """The entry `age` seconds after it was stored; 304 or 412 if the client's conditions say
        so."""
        current = (b"age", b"%d" % max(0, age))
        status = status_of_read(scope, self.etag)
        if status == HTTPStatus.PRECONDITION_FAILED:
            return problem_response(scope, status, "The current entity tag is not in If-Match.")
        if status == HTTPStatus.NOT_MODIFIED:
            return RawResponse(304, [*self.unchanged, current], b"")
        return RawResponse(200, [*self.full, current], self.body)


class FastResponse(msgspec.Struct, frozen=True):
    """The same for `MemoryFastPath`. It was stored at `stored_at`, in monotonic seconds."""

    etag: str
    body: bytes
    full: TextHeaders
    unchanged: TextHeaders
    stored_at: float
    recorder: FastPathRecorder


class Representation(msgspec.Struct, frozen=True):
    """How a domain's cached entries are given to clients; what is made of one is kept with it."""

    cache_control: Callable[[Entry], str]
    body: Callable[[Entry, Source], bytes] = lambda entry, _source: entry.body

    def render(self, result: CacheResult) -> Rendered:
        entry = result.entry
        etag = entry.etag.encode()
        body = self.body(entry, result.source)
        unchanged = [
            (b"etag", etag),
            (b"cache-control", self.cache_control(entry).encode()),
            (b"cache-status", result.status.encode()),
        ]
        full = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *unchanged,
        ]
        return Rendered(etag, body, full, unchanged)

    def answer(self, scope: HTTPScope, found: CacheResult) -> RawResponse:
        age = time.monotonic() - found.entry.stored_at
        return self.render(found).answer(scope, age)


def bypasses_cache(scope: HTTPScope) -> bool:
    """Whether the request says `Cache-Control: no-cache`: its client wants the origin's state."""
    for name, value in scope["headers"]:
        if name == b"cache-control" and b"no-cache" in value.lower():
            return True
    return False
