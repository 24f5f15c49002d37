import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.main import create_app
from app.settings import Settings, load_settings
from servicekit.testing.service import serving, with_empty_cache
from servicekit.tests.caches import CacheOf, opening
from servicekit.tests.clock import ManualClock


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Overrides anyio's own, so that fixtures of a session can be asynchronous."""
    return "asyncio"


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(with_empty_cache(settings))) as client:
        yield client


@pytest.fixture
def empty(settings: Settings) -> Settings:
    """Settings of caches that hold nothing yet."""
    return with_empty_cache(settings)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock for caches; the wall clock, by which workers compare ages, goes with it."""
    clock, begun = ManualClock(), time.time()
    at_begin = clock()
    monkeypatch.setattr(time, "time", lambda: begun + clock() - at_begin)
    return clock


@pytest.fixture
async def cache_of() -> AsyncIterator[CacheOf]:
    async with opening() as cache_of:
        yield cache_of
