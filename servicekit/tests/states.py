import asyncio
from collections.abc import Awaitable, Callable

HANG = 20.0  # seconds; a bound on states that never come, not on speed


async def becomes_true(condition: Callable[[], Awaitable[object]]) -> None:
    """Returns once `condition` holds; fails if it does not within `HANG`."""
    async with asyncio.timeout(HANG):
        for pause in [0.0, *[0.05] * 400]:
            await asyncio.sleep(pause)
            if await condition():
                return
    raise AssertionError("the state never came")
