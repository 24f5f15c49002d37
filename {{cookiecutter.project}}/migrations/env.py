"""Alembic's entry: `alembic upgrade head` brings the database to the newest revision."""

import asyncio
import sys

from alembic import context
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.settings import load_settings
from servicekit.database.connection import connect
from servicekit.errors import Unavailable
from servicekit.settings import SettingsError

_LOCK = 0x6D696772  # any number that no other program locks in this database


def migrate(connection: Connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
        # For the session: a migration may commit in between, to build an index concurrently.
        # The server's limit is meant for requests.
        connection.execute(text("SET statement_timeout = 0"))
        # A second migration waits here, then finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        # One that waits for a table would hold up every request behind it.
        connection.execute(text("SET lock_timeout = '5s'"))
        if not _ahead():
            context.run_migrations()


def _ahead() -> bool:
    """Whether a later version has migrated the database: after a rollback there is nothing to do.

    Each schema fits the version before it.
    """
    script = context.script
    for revision in context.get_context().get_current_heads():
        try:
            script.get_revision(revision)
        except CommandError:
            print(f"The database is at revision {revision}, which this version does not have.")
            return True
    return False


async def main() -> None:
    settings = load_settings()

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(settings), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate)


try:
    asyncio.run(main())
except (SettingsError, Unavailable) as error:
    sys.exit(str(error))
