import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from servicekit.dev.upstream import StandInUpstream

Behaviour = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class FakeUpstream(StandInUpstream):
    """A stand-in whose answers a test sets."""

    def __init__(self) -> None:
        super().__init__(delay=0)
        self.headers: dict[str, Mapping[str, str]] = {}  # of the last call, by id
        self._behaviours: dict[str, Behaviour] = {}

    def reset(self) -> None:
        self.calls.clear()
        self.headers.clear()
        self._behaviours.clear()

    def answers(
        self,
        data_id: str,
        body: bytes,
        status: int = 200,
        after: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """From now on `data_id` is answered with `body`, `after` so many seconds."""
        self._answer_after(lambda: asyncio.sleep(after), data_id, body, status, headers)

    def holds(self, data_id: str, body: bytes = b"{}", status: int = 200) -> asyncio.Event:
        """From now on calls for `data_id` wait for the event, and are answered then."""
        released = asyncio.Event()
        self._answer_after(released.wait, data_id, body, status, None)
        return released

    def _answer_after(
        self,
        wait: Callable[[], Awaitable[object]],
        data_id: str,
        body: bytes,
        status: int,
        headers: Mapping[str, str] | None,
    ) -> None:
        async def behave(_request: web.BaseRequest) -> web.StreamResponse:
            await wait()
            return web.Response(
                body=body, status=status, content_type="application/json", headers=headers
            )

        self._behaviours[data_id] = behave

    def resets(self, data_id: str, once: bool = False) -> None:
        async def behave(request: web.BaseRequest) -> web.StreamResponse:
            if once:
                del self._behaviours[data_id]
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self._behaviours[data_id] = behave

    async def _response(self, request: web.BaseRequest, data_id: str) -> web.StreamResponse:
        self.headers[data_id] = request.headers
        if data_id in self._behaviours:
            return await self._behaviours[data_id](request)
        return web.json_response({"id": data_id})
