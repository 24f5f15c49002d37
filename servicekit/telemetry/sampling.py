import asyncio

from pyinstrument import Profiler
from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer

from servicekit.telemetry.messages import ProfileRequest

_INTERVAL = 0.002  # seconds between two samples
_RENDERERS = {"html": HTMLRenderer, "speedscope": SpeedscopeRenderer}


class SamplingProfiler:
    """Looks again and again at what the event loop's thread is doing."""

    async def take(self, sample: ProfileRequest) -> bytes:
        # The loop's callbacks are all of interest, not only those of this task.
        profiler = Profiler(interval=_INTERVAL, async_mode="disabled")
        profiler.start()
        try:
            await asyncio.sleep(sample.seconds)
        finally:
            session = profiler.stop()
        renderer = _RENDERERS[sample.form](show_all=True)  # libraries, too
        page = await asyncio.to_thread(renderer.render, session)
        return page.encode()
