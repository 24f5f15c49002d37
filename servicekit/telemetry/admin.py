import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web
from anyio.from_thread import start_blocking_portal
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from servicekit.settings import ADMIN_HOST, Settings
from servicekit.telemetry.profiles import ProfileEndpoint
from servicekit.telemetry.workers import Workers

_PAGE = Path(__file__).with_name("live.html")
_STOP_TIMEOUT = 2.0  # seconds; a slow reader is cut off then


class AdminServer:
    """Serves the workers' metrics and profiles, and a live page of them, on loopback.

    It runs in the supervisor's process, so a scrape doesn't slow a worker down.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers = Workers()
        self._registry = CollectorRegistry()
        self._registry.register(self._workers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        profiles = ProfileEndpoint(self._workers, self._settings.profile_secret)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/metrics", self._metrics),
                web.post("/profile", profiles.respond),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_TIMEOUT)
        await runner.setup()
        await web.TCPSite(runner, ADMIN_HOST, self._settings.admin_port).start()
        workers = await asyncio.start_unix_server(
            self._workers.receive, self._settings.admin_socket
        )
        try:
            yield
        finally:
            workers.close()
            await runner.cleanup()

    async def _page(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(_PAGE)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return web.Response(body=encode(self._registry), headers={"content-type": content_type})


@contextmanager
def admin_thread(settings: Settings) -> Iterator[None]:
    """Runs the admin server in a thread of its own, because Granian needs the main thread."""
    with start_blocking_portal() as thread, ExitStack() as serving:
        try:
            serving.enter_context(
                thread.wrap_async_context_manager(AdminServer(settings).serving())
            )
        except OSError as error:
            sys.exit(f"The admin server can't start: {error}")
        yield
