import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings, load_settings
from servicekit.database.connection import connect
from servicekit.errors import Unavailable
from servicekit.settings import SettingsError
from servicekit.testing.service import serving, with_empty_cache

LAYERS = {
    "both layers": {},
    "no memory": {"memory_cache_entries": 0},
    "no Valkey": {"shared_cache": False},
    "no cache": {"memory_cache_entries": 0, "shared_cache": False},
}


def pytest_configure() -> None:
    """Ends the run with one sentence where DATABASE_URL or REDIS_URL can't be used."""
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if name in os.environ}
    try:
        asyncio.run(check_servers(given))
    except (SettingsError, Unavailable) as error:
        raise pytest.UsageError(str(error)) from None


async def check_servers(given: dict[str, str]) -> None:
    embedded = {"DATABASE_URL": "postgresql://embedded", "REDIS_URL": "redis://embedded"}
    settings = load_settings(embedded | given)
    if "DATABASE_URL" in given:
        (await connect(settings)).terminate()


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


@pytest.fixture(params=list(LAYERS.values()), ids=list(LAYERS))
async def any_client(
    settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service with each layer of its cache on and off."""
    app = create_app(replace(with_empty_cache(settings), **request.param))
    async with serving(app) as client:
        yield client
