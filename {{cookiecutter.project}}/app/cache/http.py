import time
from typing import Any

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.status_codes import HTTP_200_OK, HTTP_304_NOT_MODIFIED

from app.cache.layers import Found

# The layers' names for Cache-Status, RFC 9211.
_STATUS = {
    "memory": "memory; hit",
    "cache": "valkey; hit",
    "external": "valkey; fwd=miss; stored",
}


def cached_response(
    request: Request[Any, Any, Any], found: Found, cache_control: str, body: bytes | None = None
) -> Response[bytes]:
    """The entry, or 304 if the client holds it. `body` replaces the entry's own bytes."""
    entry = found.entry
    headers = {
        "ETag": entry.etag,
        "Cache-Control": cache_control,
        "Age": str(max(0, int(time.time() - entry.stored))),
        "Cache-Status": _STATUS[found.source],
    }
    if _matches(request.headers.get("if-none-match"), entry.etag):
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(
        entry.body if body is None else body,
        status_code=HTTP_200_OK,
        media_type=MediaType.JSON,
        headers=headers,
    )


def _matches(if_none_match: str | None, etag: str) -> bool:
    """The weak comparison that RFC 9110, section 13.1.2, asks for."""
    if if_none_match is None:
        return False
    candidates = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in candidates or etag.removeprefix("W/") in candidates
