"""What has to hold before a worker starts; what does not is one sentence, and ends the start.

A process of its own, so that what it imports is gone before the service serves. A worker that
can't start would be started over and over, with a trace each time.
"""

import asyncio
import sys

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from servicekit.database.connection import UNREACHABLE, connect
from servicekit.errors import Unavailable
from servicekit.settings import Settings, read_settings


class SchemaOutOfDate(Exception):
    pass


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
    except UNREACHABLE as error:
        raise Unavailable(f"The database did not answer: {type(error).__name__}.") from error
    finally:
        connection.terminate()
    _check_revision(current)


def _check_revision(current: str | None) -> None:
    """A revision that we do not know is newer: the code that went before ours, or comes after a
    rollback, has to run on it."""
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
