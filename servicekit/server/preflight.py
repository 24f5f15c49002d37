"""Checks before the first worker starts: the database answers and has the schema that is needed.

A failed check is one sentence and ends the start. A worker that can't start would be respawned for
ever, with a traceback each time. A process of its own keeps Alembic out of the service's memory.
"""

import asyncio
import sys

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from servicekit.database.connection import ANY_ERROR, connect, reason
from servicekit.errors import Unavailable
from servicekit.settings import Settings, read_settings


class SchemaOutOfDate(Exception):
    """The database has a revision that is older than the code."""


def main() -> None:
    try:
        asyncio.run(check(read_settings(Settings)))
    except (Unavailable, SchemaOutOfDate, CommandError) as error:
        sys.exit(str(error))


async def check(settings: Settings) -> None:
    connection = await connect(settings)
    try:
        current = await connection.fetchval("SELECT version_num FROM alembic_version", timeout=3)
    except asyncpg.UndefinedTableError:
        current = None
    except ANY_ERROR as error:
        raise Unavailable(f"The database did not say its revision: {reason(error)}") from error
    finally:
        connection.terminate()
    _check_revision(current)


def _check_revision(current: str | None) -> None:
    """Rejects a database without a revision, or with an older one. An unknown revision is a newer
    one, and allowed: the version before runs on it during a rollout and after a rollback."""
    script = ScriptDirectory.from_config(Config(toml_file="pyproject.toml"))
    heads = script.get_heads()
    older = {revision.revision for revision in script.walk_revisions()} - set(heads)
    if current is None or current in older:
        raise SchemaOutOfDate(
            f"The database is at revision {current or 'none'} and {', '.join(heads)} is needed;"
            " `alembic upgrade head` brings it there."
        )


if __name__ == "__main__":
    main()
