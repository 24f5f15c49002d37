import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from aiohttp import web


class SlowUpstream:
    """An API that answers each call after `delay` seconds, and counts its calls by id."""

    def __init__(self, delay: float) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.delay = delay
        self.peak = 0  # calls in flight at one moment
        self._in_flight = 0

    @classmethod
    @contextmanager
    def serving(cls, delay: float) -> Iterator["SlowUpstream"]:
        """Serves from a thread of this process, which only waits while a load runs."""
        upstream = cls(delay)
        ready, ended = threading.Event(), asyncio.Event()
        loop = uvloop.new_event_loop()
        thread = threading.Thread(
            target=loop.run_until_complete, args=(upstream._serve(ready, ended),), daemon=True
        )
        thread.start()
        ready.wait()
        try:
            yield upstream
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
            loop.close()

    async def _serve(self, ready: threading.Event, ended: asyncio.Event) -> None:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        ready.set()
        await ended.wait()
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # who asked is gone
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        data_id = request.path.removeprefix("/")
        self.calls[data_id] += 1
        self._in_flight += 1
        self.peak = max(self.peak, self._in_flight)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
        finally:
            self._in_flight -= 1
        return web.json_response({"id": data_id, "name": f"Example {data_id}", "stock": 7})
