import re
import uuid

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_ACCEPTED = re.compile(rb"[A-Za-z0-9._=;-]{1,128}")  # also X-Ray's "Root=1-…;Self=1-…"


def request_id_of(scope: Scope) -> str:
    return scope["state"]["request_id"]


class RequestIds:
    """Gives each request an id, or keeps a sane one of the client's, and answers with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _sent(scope) or uuid.uuid4().hex.encode()
        scope["state"]["request_id"] = request_id.decode()

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        await self._app(scope, receive, with_id)


def _sent(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED.fullmatch(value):
            return value
    return None
