"""Calls of other services: their responses are not trusted."""

from collections.abc import Sequence
from urllib.parse import quote

import aiohttp
from yarl import URL


def client_session(
    connections: int, middlewares: Sequence[aiohttp.ClientMiddlewareType] = ()
) -> aiohttp.ClientSession:
    """A session without cookies and without timeouts; callers bound each call themselves.

    A cookie jar would send the cookies of one caller's response with the calls of all others.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        middlewares=middlewares,
    )


def url_below(base: str, segment: str) -> URL:
    """The address of one path segment below `base`. Raises ValueError for a segment that would
    leave it: `.` and `..` are resolved by clients and servers, and can't be escaped."""
    if segment in {"", ".", ".."}:
        raise ValueError(f"not a path segment: {segment!r}")
    url = URL(base)
    return url.with_path(f"{url.raw_path.rstrip('/')}/{quote(segment, safe='')}", encoded=True)


async def read_bounded(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body. Raises ClientPayloadError beyond `max_bytes`, counted after decompression."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise aiohttp.ClientPayloadError(f"more than {max_bytes} bytes")
    return bytes(body)
