import os
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from app.local import postgres, valkey
from app.settings import Settings
from app.telemetry.logs import stdout_handler
from tests.caches import CacheOf, opening
from tests.fake_upstream import FakeUpstream
from tests.service import alembic, serving, with_empty_cache


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What asynchronous fixtures run on; they name it so that plain tests can use them, too."""
    return "asyncio"


@pytest.hookimpl(wrapper=True, trylast=True)  # within the capture of what is printed
def pytest_runtest_call() -> Generator[None, object, object]:
    """What a test logs is written, by a thread, before the test ends."""
    try:
        return (yield)
    finally:
        stdout_handler().flush()


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _given_or_embedded("DATABASE_URL", postgres, tmp_path_factory)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _given_or_embedded("REDIS_URL", valkey, tmp_path_factory)


@pytest.fixture
async def empty_database_url(anyio_backend: str, database_server: str) -> AsyncIterator[str]:
    async for url in _new_database(database_server):
        yield url


@pytest.fixture(scope="session")
async def upstream(anyio_backend: str) -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream.serving() as fake:
        yield fake


@pytest.fixture(scope="session")
async def settings(
    database_server: str, redis_url: str, upstream: FakeUpstream
) -> AsyncIterator[Settings]:
    """A migrated database, and a cache in which no earlier run has left anything."""
    async for database_url in _new_database(database_server):
        settings = Settings(
            environment="local",
            database_url=database_url,
            redis_url=redis_url,
            upstream_url=upstream.url,
            upstream_timeout=0.5,
            db_pool_size=5,
            admin_port=0,  # several services run at once; the tests of metrics choose a free one
            cache_prefix=f"test-{secrets.token_hex(6)}:",
        )
        migrated = alembic(settings, "upgrade", "head")
        assert migrated.returncode == 0, migrated.stderr
        yield settings


LAYERS = {
    "both layers": {},
    "no memory": {"memory_cache_entries": 0},
    "no Valkey": {"shared_cache": False},
    "no cache": {"memory_cache_entries": 0, "shared_cache": False},
}


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(with_empty_cache(settings)) as client:
        yield client


@pytest.fixture(params=list(LAYERS.values()), ids=list(LAYERS))
async def any_client(
    settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service with each layer of its cache on and off."""
    async with serving(replace(with_empty_cache(settings), **request.param)) as client:
        yield client


@pytest.fixture
def empty(settings: Settings) -> Settings:
    """Settings of caches that hold nothing yet."""
    return with_empty_cache(settings)


@pytest.fixture
async def cache_of() -> AsyncIterator[CacheOf]:
    async with opening() as cache_of:
        yield cache_of


async def _new_database(server: str) -> AsyncIterator[str]:
    """A database of our own, so that a server that was given keeps what it has."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield urlsplit(server)._replace(path=f"/{name}").geturl()
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def _given_or_embedded(
    variable: str,
    start: Callable[[Path], AbstractContextManager[str]],
    folders: pytest.TempPathFactory,
) -> Iterator[str]:
    if variable in os.environ:
        yield os.environ[variable]
        return
    with start(folders.mktemp("server")) as url:
        yield url
