"""Alembic's entry: `alembic upgrade head` brings the database to the newest revision."""

import asyncio
import sys

from alembic import context
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from app.settings import load_settings
from servicekit.database.migrations import migrate
from servicekit.errors import Unavailable
from servicekit.settings import SettingsError


def run_migrations(connection: Connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
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


try:
    asyncio.run(migrate(load_settings(), run_migrations))
except (SettingsError, Unavailable) as error:
    sys.exit(str(error))
