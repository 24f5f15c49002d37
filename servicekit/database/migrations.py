"""Running Alembic's migrations: one process at a time, and indexes that are built concurrently."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from servicekit.database.connection import connect
from servicekit.settings import Settings

_LOCK = 0x6D696772  # any number that no other program locks in this database
_LOCK_POLL = 0.5  # seconds
_LOCK_TIMEOUT = "5s"  # a migration that waits for a table holds up every request behind it
_CONCURRENTLY = re.compile(r"\s*(CREATE|DROP|REINDEX)\b.*?\bCONCURRENTLY\b", re.I | re.S)
_BUILDS = re.compile(r'\s*CREATE\b.*?\bCONCURRENTLY\b.*?\bON\s+(?:ONLY\s+)?([\w."]+)', re.I | re.S)
# An index that another session is building is invalid, too.
_FAILED_BUILDS = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND i.indrelid = to_regclass('{table}')
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""


async def migrate(settings: Settings, run_migrations: Callable[[Connection], None]) -> None:
    """Calls `run_migrations` with a connection, while no other process migrates the database."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(settings), poolclass=NullPool
    )
    event.listen(engine.sync_engine, "before_cursor_execute", _before_statement)
    async with engine.connect() as connection:
        await _prepare(await _driver_connection(connection))
        await connection.run_sync(run_migrations)


async def _driver_connection(connection: AsyncConnection) -> asyncpg.Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver


async def _prepare(connection: asyncpg.Connection) -> None:
    """Takes the lock, and sets the session's limits: the server's are meant for requests.

    Polls for the lock outside of any transaction. A session that waits in `pg_advisory_lock` holds
    a snapshot, for which CREATE INDEX CONCURRENTLY in the session that has the lock would wait.
    """
    await connection.execute("SET statement_timeout = 0")
    try_lock = "SELECT pg_try_advisory_lock($1)"
    while not await connection.fetchval(try_lock, _LOCK):  # noqa: ASYNC110 (another process has it)
        await asyncio.sleep(_LOCK_POLL)
    await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")


def _before_statement(
    connection: Connection, cursor: Any, statement: str, *_arguments: object
) -> None:
    """Lets CONCURRENTLY wait for as long as it takes, as it holds up no request: it waits for all
    transactions that began before, and `lock_timeout` would count. Removes failed builds first."""
    concurrent = _CONCURRENTLY.match(statement) is not None
    cursor.execute(f"SET lock_timeout = {'0' if concurrent else repr(_LOCK_TIMEOUT)}")
    build = _BUILDS.match(statement)
    if build is None:
        return
    cursor.execute(_FAILED_BUILDS.format(table=build[1]))
    for (index,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX CONCURRENTLY {index}")
