import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from pyinstrument import Profiler
from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer

from servicekit.background import background
from servicekit.telemetry.messages import ProfileRequest, ProfileResult, Snapshot, packed, received
from servicekit.telemetry.metrics import Sample

logger = logging.getLogger(__name__)

_INTERVAL = 1.0  # seconds
_LAST_REPORT_TIMEOUT = 1.0  # seconds for the last snapshot
_SAMPLING_INTERVAL = 0.002  # seconds between two samples of a profile
_RENDERERS = {"html": HTMLRenderer, "speedscope": SpeedscopeRenderer}


class WorkerReporter:
    """Sends a snapshot of this worker's samples to the supervisor once a second, and its profiles.

    A supervisor that reads slowly gets fewer snapshots. Without a supervisor nothing is sent.
    """

    def __init__(self, path: str, samples: Callable[[], Iterable[Sample]]) -> None:
        self._path = path
        self._samples = samples

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            logger.warning("no supervisor: this worker is not in the metrics", exc_info=error)
            yield
            return
        async with background(self._report(writer), self._handle_commands(reader, writer)):
            yield
        writer.write(self._snapshot())
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(writer.drain(), _LAST_REPORT_TIMEOUT)
        writer.close()

    async def _report(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            if writer.transport.get_write_buffer_size() == 0:
                writer.write(self._snapshot())
            await asyncio.sleep(_INTERVAL)

    async def _handle_commands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while isinstance(message := await received(reader), ProfileRequest):
            writer.write(packed(ProfileResult(await _profile(message))))

    def _snapshot(self) -> bytes:
        return packed(Snapshot(os.getpid(), list(self._samples())))


async def _profile(request: ProfileRequest) -> bytes:
    """A statistical profile of the event loop's thread, by pyinstrument."""
    # The loop's callbacks are all of interest, not only those of this task.
    profiler = Profiler(interval=_SAMPLING_INTERVAL, async_mode="disabled")
    profiler.start()
    try:
        await asyncio.sleep(request.seconds)
    finally:
        session = profiler.stop()
    renderer = _RENDERERS[request.form](show_all=True)  # libraries, too
    page = await asyncio.to_thread(renderer.render, session)
    return page.encode()
