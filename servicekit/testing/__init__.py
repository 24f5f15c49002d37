"""Fixtures for tests on real PostgreSQL and Valkey: a pytest plugin (`-p servicekit.testing`)."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from servicekit.dev.servers import alembic, postgres, valkey
from servicekit.telemetry.logs import stdout_handler
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.waiting import HANG


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow(reason): takes more than 3 seconds, and why")


@pytest.hookimpl(wrapper=True, trylast=True)  # within the capture of what is printed
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test's log lines are written, by a thread, before the test ends."""
    return (yield from _flushing())


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """So are those of its fixtures."""
    return (yield from _flushing())


def _flushing() -> Generator[None, object, object]:
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
async def upstream_server(anyio_backend: str) -> AsyncIterator[FakeUpstream]:
    fake = FakeUpstream()
    async with fake.listening("127.0.0.1", 0):
        yield fake


@pytest.fixture
def upstream(upstream_server: FakeUpstream) -> FakeUpstream:
    """The server that the settings name, without another test's answers and counts."""
    upstream_server.reset()
    return upstream_server


@pytest.fixture(scope="session")
async def environment(
    database_server: str, redis_url: str, upstream_server: FakeUpstream
) -> AsyncIterator[dict[str, str]]:
    """Variables of a service with a migrated database, and a cache that no earlier run has used."""
    async for database_url in _new_database(database_server):
        environment = {
            "ENVIRONMENT": "local",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "UPSTREAM_URL": upstream_server.url,
            # A busy machine answers late. A test of a timeout sets a short one.
            "REQUEST_TIMEOUT": str(HANG),
            "UPSTREAM_TIMEOUT": str(HANG / 2),
            "REDIS_TIMEOUT": str(HANG / 10),
            "DB_ACQUIRE_TIMEOUT": str(HANG / 10),
            "DB_POOL_SIZE": "5",
            "ADMIN_PORT": "0",  # several services run at once; tests of metrics choose a free one
            "CACHE_PREFIX": f"test-{secrets.token_hex(6)}:",
        }
        migrated = alembic(environment, "upgrade", "head")
        assert migrated.returncode == 0, migrated.stderr
        yield environment


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
