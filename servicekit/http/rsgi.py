"""A request as RSGI gives it, Granian's own interface, and ASGI for what lies behind it.

RSGI costs less than ASGI: a header is looked up without a list of all, and a response is one call.
What RSGI leaves out is made up for here as far as it can be:

- It gives no header values beyond ASCII. Such a value is U+FFFD here, so that it counts as given
  and equals nothing. One in a response is sent with escapes, such as `\\xe9`.
- It tells no broken chunked body from one with trailers. A request that doesn't announce its
  trailers by a `Trailer` header counts as broken if it has some.
- A stream does not wait for a slow client: what the client has not read stays in memory.
- It can't cut a response that breaks off, which would then look whole. Its socket is closed here.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from stat import S_ISSOCK
from typing import Any, Protocol

from granian.asgi import LifespanProtocol
from granian.rsgi import ProtocolClosed  # pyright: ignore[reportPrivateImportUsage]
from litestar import Litestar
from litestar.types import HTTPScope, Receive, Scope, Send

from servicekit.http.responses import TextHeaders, as_text

logger = logging.getLogger(__name__)

_LOST = "\ufffd".encode()
_WHOLE = 2**20  # bytes; a larger body comes in pieces
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_GONE: Any = {"type": "http.disconnect"}


class Service(Protocol):
    """An ASGI application; `app` is the Litestar application inside it."""

    @property
    def app(self) -> Litestar: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class RsgiHeaders(Protocol):
    """Names are in lower case."""

    def get(self, key: str) -> str | None: ...
    def get_all(self, key: str) -> list[str]: ...
    def __contains__(self, key: str) -> bool: ...


class RsgiRequest(Protocol):
    """What the ways to a response need that begin before ASGI."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def headers(self) -> RsgiHeaders: ...


# Sends a whole response: its status, headers and body.
Reply = Callable[[int, TextHeaders, bytes], object]
# Is told the route whose response was sent, or None if none was.
Ended = Callable[[str | None], None]


class FastPath(Protocol):
    """Responds to some requests before there is an ASGI request."""

    def starts_by_rsgi(self) -> None: ...
    async def respond(self, request: RsgiRequest, reply: Reply) -> str | None: ...


class RequestOverAsgi:
    """An ASGI request in the shape of RSGI's."""

    def __init__(self, scope: HTTPScope) -> None:
        self.method = scope["method"]
        self.path = scope["path"]
        self.query_string = scope["query_string"].decode("latin-1")
        self.headers = self
        self._lines = scope["headers"]

    def get_all(self, key: str) -> list[str]:
        name = key.encode()
        return [value.decode("latin-1") for header, value in self._lines if header == name]

    def get(self, key: str) -> str | None:
        return next(iter(self.get_all(key)), None)

    def __contains__(self, key: str) -> bool:
        return bool(self.get_all(key))


class AsgiOverRsgi:
    """The scope, `receive` and `send` of a request that came by RSGI."""

    def __init__(self, request: Any, protocol: Any) -> None:
        headers = request.headers
        lines = headers.items()
        given = dict(lines)
        encoded = [(name.encode(), value.encode()) for name, value in lines]
        if len(given) != len(headers):
            lost = [name for name in headers if name not in given]
            encoded += [(name.encode(), _LOST) for name in lost]
        self.scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": request.http_version,
            "method": request.method,
            "scheme": request.scheme,
            "path": request.path,
            "raw_path": b"",
            "query_string": request.query_string.encode(),
            "root_path": "",
            "headers": encoded,
            "client": _address(request.client),
            "server": None,
            "state": {},
            "extensions": {},
        }
        self._protocol = protocol
        self._trailers = "trailer" in given
        self._length = None  # bytes of the body; None if only its end will tell
        if "transfer-encoding" not in given:
            self._length = int(given.get("content-length", 0))
        self._received = 0
        self._pieces: Any = None
        self._ended = False  # nothing more can be read
        self._start: Any = None
        self._stream: Any = None
        self._responded = False

    @property
    def is_streaming(self) -> bool:
        """Whether a response has begun in pieces, and not ended."""
        return self._stream is not None

    async def receive(self) -> Any:
        if self._ended:
            if not self._responded:
                await self._protocol.client_disconnect()
            return _GONE
        # A read that is cancelled must be the last one: another would block the event loop.
        self._ended = True
        try:
            if self._length == 0:
                body = b""
            elif self._length is not None and self._length <= _WHOLE:
                body = await self._protocol()
            else:
                return await self._piece()
        except ProtocolClosed:
            return _GONE
        return {"type": "http.request", "body": body, "more_body": False}

    async def _piece(self) -> Any:
        if self._pieces is None:
            self._pieces = aiter(self._protocol)
        piece = await anext(self._pieces)
        self._received += len(piece)
        self._ended = not piece
        if piece or await self._is_complete():
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}
        return _GONE

    async def _is_complete(self) -> bool:
        """Whether the empty piece that just came was the end. Trailers and errors give one, too,
        and then the end gives another."""
        if self._length is not None:
            return self._received == self._length
        try:
            following = anext(self._pieces)
        except StopAsyncIteration:
            return True
        return self._trailers and not await following

    async def send(self, sent: Any) -> None:
        if sent["type"] == "http.response.start":
            self._start = sent
            return
        start, stream, body = self._start, self._stream, sent.get("body", b"")
        self._responded = not sent.get("more_body")
        if stream is None and self._responded:
            self._protocol.response_bytes(start["status"], as_text(start["headers"]), body)
            return
        if stream is None:
            headers = as_text(start["headers"])
            stream = self._protocol.response_stream(start["status"], headers)
        self._stream = None if self._responded else stream  # without one, the response ends
        with suppress(ProtocolClosed):  # `receive` tells that the client has left
            await stream.send_bytes(body)


class RsgiService:
    """An ASGI application for either of Granian's interfaces, `asgi` and `rsgi`.

    A request that comes by RSGI goes to `fast_path` first, if there is one.
    """

    def __init__(self, service: Service, fast_path: FastPath | None) -> None:
        self.app = service.app
        self._service = service
        self._fast_path = fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._service(scope, receive, send)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lifespan = LifespanProtocol(self._service)
        loop.run_until_complete(self._lifespan.startup())
        if self._lifespan.interrupt:
            logger.error("the lifespan failed at its start", exc_info=self._lifespan.exc)
            sys.exit(1)
        # Granian's own access log would miss what needs no task.
        if self._fast_path and os.environ.get("GRANIAN_LOG_ACCESS_ENABLED", "false") == "false":
            self._fast_path.starts_by_rsgi()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self._lifespan.shutdown())

    async def __rsgi__(self, request: Any, protocol: Any) -> None:
        if self._fast_path and await self._fast_path.respond(request, protocol.response_bytes):
            return
        asgi = AsgiOverRsgi(request, protocol)
        inner: Any = self.app if self._fast_path else self._service
        try:
            await inner(asgi.scope, asgi.receive, asgi.send)
        finally:
            if asgi.is_streaming:
                _cut(_address(request.client))


def _cut(client: tuple[str, int]) -> None:
    """Ends the connection of this client."""
    for file in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):
            if S_ISSOCK(os.fstat(file).st_mode):
                with socket.socket(fileno=os.dup(file)) as connection:
                    if connection.getpeername()[:2] == client:
                        connection.shutdown(socket.SHUT_RDWR)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() else 0
