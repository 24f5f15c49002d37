import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def rare_collections(_app: object) -> AsyncIterator[None]:
    """Runs the cyclic garbage collector rarely.

    It visited each of many requests in flight again and again: with 12,500 of them it took a third
    of a worker's time, and found next to nothing.
    """
    defaults = gc.get_threshold()
    gc.collect()
    gc.freeze()  # imported modules live as long as the process
    gc.set_threshold(10_000, 250, 100)
    try:
        yield
    finally:
        gc.set_threshold(*defaults)
        gc.unfreeze()
