import asyncio

from pyinstrument import Profiler
from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer

from servicekit.telemetry.messages import ProfileRequest

_INTERVAL = 0.002  # seconds between two samples
_RENDERERS = {"html": HTMLRenderer, "speedscope": SpeedscopeRenderer}


async def sampled(request: ProfileRequest) -> bytes:
    """A statistical profile of the event loop's thread, by pyinstrument."""
    # The loop's callbacks are all of interest, not only those of this task.
    profiler = Profiler(interval=_INTERVAL, async_mode="disabled")
    profiler.start()
    try:
        await asyncio.sleep(request.seconds)
    finally:
        session = profiler.stop()
    renderer = _RENDERERS[request.form](show_all=True)  # libraries, too
    page = await asyncio.to_thread(renderer.render, session)
    return page.encode()
