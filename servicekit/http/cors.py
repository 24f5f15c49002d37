from collections.abc import Collection

from litestar.types import HTTPScope, Message, Receive, Send

from servicekit.http.responses import HttpApp, RawResponse, header

_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_HEADERS = (
    b"authorization, cache-control, content-type, idempotency-key, if-match, if-none-match,"
    b" x-request-id"
)
_EXPOSED = b"etag, location, retry-after, x-request-id"
_MAX_AGE = b"600"  # seconds for which a browser keeps the result of a preflight request


class CorsMiddleware:
    """Lets pages of `origins` read responses, by the headers that browsers require for that."""

    def __init__(self, app: HttpApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        origin = header(scope, b"origin")
        allowed = [(b"vary", b"origin")]
        if origin in self._origins and origin is not None:
            allowed.append((b"access-control-allow-origin", origin))
            if scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method"):
                return await _preflight(allowed)(scope, receive, send)
            allowed.append((b"access-control-expose-headers", _EXPOSED))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed]
            await send(message)

        await self._app(scope, receive, sent)


def _preflight(allowed: list[tuple[bytes, bytes]]) -> RawResponse:
    return RawResponse(
        204,
        [
            *allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", _MAX_AGE),
        ],
        b"",
    )
