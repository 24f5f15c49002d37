from collections.abc import Awaitable

from litestar.types import HTTPScope, Message, Receive, Send

from servicekit.http.responses import HttpApp


class HeadMiddleware:
    """Answers HEAD as GET, and leaves out the body.

    Layers and handlers inside see the method GET, so a HEAD takes the same path to its status and
    headers as a GET: through a cache, a single flight or the handler.
    """

    def __init__(self, app: HttpApp) -> None:
        self._app = app

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["method"] == "HEAD":
            return self._respond(scope, receive, send)
        return self._app(scope, receive, send)

    async def _respond(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        scope["method"] = "GET"
        try:
            await self._app(scope, receive, send_without_body)
        finally:
            scope["method"] = "HEAD"  # the request log counts the client's method
