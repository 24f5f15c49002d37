"""A stand-in for the API behind `/data/{id}`, for machines where there is none.

`python -m servicekit.dev.upstream 0.0.0.0 9000` serves it alone.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvloop
from aiohttp import web
from anyio.from_thread import start_blocking_portal

_DELAY = 0.05  # seconds: slow enough to see that a cached answer is fast


class StandInUpstream:
    """Answers each call after `delay` seconds, and counts its calls by id.

    An id that begins with "missing" is answered with 404.
    """

    def __init__(self, delay: float = _DELAY) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.delay = delay
        self.peak = 0  # calls in flight at one moment
        self._in_flight = 0

    @classmethod
    @contextmanager
    def serving(cls, delay: float = _DELAY) -> Iterator["StandInUpstream"]:
        """Serves on a free port of loopback, from a thread of this process."""
        upstream = cls(delay)
        with (
            start_blocking_portal(backend_options={"use_uvloop": True}) as thread,
            thread.wrap_async_context_manager(upstream.listening("127.0.0.1", 0)),
        ):
            yield upstream

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[None]:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=4096).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        data_id = request.path.removeprefix("/")
        self.calls[data_id] += 1
        self._in_flight += 1
        self.peak = max(self.peak, self._in_flight)
        try:
            return await self._response(request, data_id)
        finally:
            self._in_flight -= 1

    async def _response(self, _request: web.BaseRequest, data_id: str) -> web.StreamResponse:
        if self.delay:
            await asyncio.sleep(self.delay)
        if data_id.startswith("missing"):
            return web.json_response({"error": f"no {data_id}"}, status=404)
        return web.json_response({"id": data_id, "name": f"Example {data_id}", "stock": 7})


async def _serve_forever(host: str, port: int) -> None:
    async with StandInUpstream().listening(host, port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve_forever(sys.argv[1], int(sys.argv[2])))
