import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from servicekit.telemetry.messages import Counted, Sample, Sampled, packed, received
from servicekit.telemetry.metrics import Row
from servicekit.telemetry.sampling import Sampler

logger = logging.getLogger(__name__)

_INTERVAL = 1.0  # seconds
_LAST_WORD = 1.0  # seconds for what was counted since


class Link:
    """Tells the supervisor once a second what this worker has counted, and profiles for it.

    A supervisor that is slow to read is told less often; one that is not there, nothing.
    """

    def __init__(self, path: str, rows: Callable[[], Iterable[Row]], sampler: Sampler) -> None:
        self._path = path
        self._rows = rows
        self._sampler = sampler

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            logger.warning("no supervisor: this worker is not in the metrics", exc_info=error)
            yield
            return
        tasks = [
            asyncio.create_task(self._tell(writer)),
            asyncio.create_task(self._obey(reader, writer)),
        ]
        yield
        for task in tasks:
            task.cancel()
        writer.write(self._counted())
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(writer.drain(), _LAST_WORD)
        writer.close()

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            if writer.transport.get_write_buffer_size() == 0:
                writer.write(self._counted())
            await asyncio.sleep(_INTERVAL)

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while isinstance(message := await received(reader), Sample):
            profile = await self._sampler.take(message)
            writer.write(packed(Sampled(profile)))

    def _counted(self) -> bytes:
        return packed(Counted(os.getpid(), list(self._rows())))
