import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeUpstream:
    """A real HTTP server whose answers a test sets. It counts its calls by id."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.headers: dict[str, Mapping[str, str]] = {}  # of the last call, by id
        self._behaviours: dict[str, Behaviour] = {}

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator[Self]:
        fake = cls()
        app = web.Application()
        app.router.add_get("/{id}", fake._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        try:
            yield fake
        finally:
            await runner.cleanup()

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
        async def behave(_request: web.Request) -> web.StreamResponse:
            await wait()
            return web.Response(
                body=body, status=status, content_type="application/json", headers=headers
            )

        self._behaviours[data_id] = behave

    def resets(self, data_id: str, once: bool = False) -> None:
        async def behave(request: web.Request) -> web.StreamResponse:
            if once:
                del self._behaviours[data_id]
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self._behaviours[data_id] = behave

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        data_id = request.match_info["id"]
        self.calls[data_id] += 1
        self.headers[data_id] = request.headers
        if data_id in self._behaviours:
            return await self._behaviours[data_id](request)
        return web.json_response({"id": data_id})
