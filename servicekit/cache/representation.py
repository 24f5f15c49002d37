import time
from collections.abc import Callable

import msgspec
from litestar.types import HTTPScope

from servicekit.cache.entries import Entry
from servicekit.cache.two_level import CacheResult, Source
from servicekit.http.responses import Headers, RawResponse, header

# The layers' names for Cache-Status, RFC 9211.
_STATUS = {
    "memory": b"memory; hit",
    "cache": b"valkey; hit",
    "external": b"valkey; fwd=miss; stored",
}


class Rendered(msgspec.Struct, frozen=True):
    """An entry as one layer gives it, but for the headers that differ each time."""

    etag: bytes
    body: bytes
    full: Headers
    unchanged: Headers

    def answer(self, scope: HTTPScope, age: float) -> RawResponse:
        """The entry `age` seconds after it was stored, or 304 if the client holds it."""
        current = (b"age", b"%d" % max(0, age))
        if_none_match = header(scope, b"if-none-match")
        if if_none_match is not None and matches(if_none_match, self.etag):
            return RawResponse(304, [*self.unchanged, current], b"")
        return RawResponse(200, [*self.full, current], self.body)


class Representation(msgspec.Struct, frozen=True):
    """How a domain's cached entries are given to clients."""

    cache_control: Callable[[Entry], str]
    body: Callable[[Entry, Source], bytes] = lambda entry, _source: entry.body

    def render(self, entry: Entry, source: Source) -> Rendered:
        etag = entry.etag.encode()
        body = self.body(entry, source)
        unchanged = [
            (b"etag", etag),
            (b"cache-control", self.cache_control(entry).encode()),
            (b"cache-status", _STATUS[source] if entry.kept else b"valkey; fwd=miss"),
        ]
        full = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *unchanged,
        ]
        return Rendered(etag, body, full, unchanged)

    def answer(self, scope: HTTPScope, found: CacheResult) -> RawResponse:
        age = time.monotonic() - found.entry.stored_at
        return self.render(found.entry, found.source).answer(scope, age)


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """The weak comparison that RFC 9110, section 13.1.2, asks for."""
    if if_none_match == etag:
        return True
    candidates = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return b"*" in candidates or etag.removeprefix(b"W/") in candidates
