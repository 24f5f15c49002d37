import asyncio
import contextlib

import pytest

from servicekit.background import background
from servicekit.testing.waiting import until


@pytest.mark.parametrize("error", [None, ValueError])
async def test_coroutine_that_loses_a_cancellation_is_ended(error: type[Exception] | None) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def loses_one() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def use() -> None:
        async with background(loses_one()):
            await begun.wait()
            if error:
                raise error

    if error:
        with pytest.raises(error):
            await use()
    else:
        await use()
    assert ended.is_set()


async def test_error_that_ends_a_coroutine_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("a defect")

    async with background(fails()):
        await until(lambda: caplog.records)
    assert "a defect" in str(caplog.records[0].exc_info)
