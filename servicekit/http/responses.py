from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.serialization import get_serializer
from litestar.types import HTTPScope, Receive, Scope, Send

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]
TextHeaders = list[tuple[str, str]]  # as RSGI takes them
HttpApp = Callable[[HTTPScope, Receive, Send], Awaitable[None]]  # ASGI, but for HTTP alone

# Security headers of every response: no MIME sniffing, no framing, HSTS.
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000"),
]
_CACHE_CONTROL = b"cache-control"
_NO_STORE = (_CACHE_CONTROL, b"no-store")
_JSON = "application/json"
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class RawResponse(msgspec.Struct, frozen=True):
    """A whole response, which is also the ASGI application that sends it."""

    status: int
    headers: Headers
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class JsonResponse(Response[T]):
    """Litestar's response. One of JSON and headers alone is sent as a `RawResponse`: 10 µs less."""

    def __init__(
        self,
        content: T,
        *,
        status_code: int | None = None,
        headers: Any = None,
        media_type: str | None = None,
        type_encoders: Mapping[Any, Any] | None = None,
        **more: Any,
    ) -> None:
        if any(more.values()) or (headers and not isinstance(headers, dict)):
            super().__init__(
                content,
                status_code=status_code,
                headers=headers,
                media_type=media_type,
                type_encoders=type_encoders,
                **more,
            )
            return
        # The same. Litestar's takes 2 µs to ask `typing` whether None is a mapping.
        self.content, self.status_code, self.media_type = content, status_code, media_type
        self.background, self.cookies, self.encoding = None, [], "utf-8"
        self.headers = {**headers} if headers else {}
        self.response_type_encoders = {**(self.type_encoders or {}), **(type_encoders or {})}

    def to_asgi_response(self, app: Any, request: Any, **declared: Any) -> Any:
        content, given = self.content, declared.get
        kind = self.media_type or given("media_type") or _JSON
        status = self.status_code or given("status_code") or HTTPStatus.OK
        more = given("background") or given("cookies") or given("encoded_headers")
        if more or self.background or self.cookies or kind != _JSON or status in _BODILESS:
            return super().to_asgi_response(app, request, **declared)

        def encode_unknown(value: Any) -> Any:
            encoders = {**(given("type_encoders") or {}), **self.response_type_encoders}
            return get_serializer(encoders)(value)

        if isinstance(content, msgspec.Struct):
            body = msgspec.json.encode(content, enc_hook=encode_unknown)
        else:
            body = self.render(content, _JSON, encode_unknown)
        lines = {b"content-type": _JSON.encode(), b"content-length": b"%d" % len(body)}
        for name, value in {**(given("headers") or {}), **self.headers}.items():
            lines[name.lower().encode("latin-1")] = value.encode("latin-1")
        return RawResponse(status, [*lines.items()], body)


def header(scope: HTTPScope, name: bytes) -> bytes | None:
    """The header's first value; None without one. `name` is in lower case."""
    for candidate, value in scope["headers"]:
        if candidate == name:
            return value
    return None


def as_text(headers: Collection[tuple[bytes, bytes]]) -> TextHeaders:
    """For RSGI, which would leave out a header that is not ASCII: its other bytes are escaped."""
    try:
        return [(name.decode("ascii"), value.decode("ascii")) for name, value in headers]
    except UnicodeDecodeError:
        return [(n.decode("ascii"), v.decode("ascii", "backslashreplace")) for n, v in headers]


def mark_response_started(scope: HTTPScope) -> None:
    scope["state"]["response_started"] = True


def response_started(scope: HTTPScope) -> bool:
    """True once the status and headers were sent."""
    return "response_started" in scope["state"]


def complete_headers(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """The headers of a response, with those that every response has.

    A response is not to be stored anywhere unless it says otherwise.
    """
    complete = [*headers]
    if _CACHE_CONTROL not in dict(complete):
        complete.insert(0, _NO_STORE)
    complete += SECURITY_HEADERS
    complete.append((b"x-request-id", request_id))
    return complete
