"""How PostgreSQL is reached, and what its failures mean."""

from pathlib import Path
from typing import Any

import asyncpg

from servicekit.errors import Unavailable
from servicekit.settings import Settings

# It has said that it took the connection away, or nothing more came: the statement may or may not
# have been carried out, and a new connection may well work.
BROKEN = (
    ConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the words of the server's farewell came before a question's
)
# It lives, and lets no new connection in: what a wrong URL or password looks like, too.
REFUSING = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
)
# It is gone, going, or no longer the primary; anything else is a defect and must show as one.
UNREACHABLE = (
    *BROKEN,
    *REFUSING,
    OSError,  # includes TimeoutError: no connection or no answer in time
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
)

_CONNECT_TIMEOUT = 5  # seconds


async def connect(settings: Settings) -> asyncpg.Connection:
    """A connection beside the pool; `Unavailable` says in one sentence why there is none."""
    try:
        return await asyncpg.connect(
            settings.database_url, **connect_options(settings), timeout=_CONNECT_TIMEOUT
        )
    except UNREACHABLE as error:
        why = str(error) or type(error).__name__
        raise Unavailable(f"The database could not be reached: {why}") from error


async def ask(settings: Settings, url: str) -> None:
    """Asks the server something on a new connection, and raises what came of it."""
    connection = await asyncpg.connect(url, **connect_options(settings))
    try:
        await connection.fetchval("SELECT 1")
        await connection.close()
    finally:
        connection.terminate()


def connect_options(settings: Settings) -> dict[str, Any]:
    return {
        **_password(settings),
        # JSON snapshots of rows carry the session's time zone.
        "server_settings": {"application_name": "app", "timezone": "UTC"},
    }


def _password(settings: Settings) -> dict[str, Any]:
    """asyncpg takes a password from the URL only if none is given here, and calls what can be
    called for each connection: a file may change while the service runs."""
    if settings.database_password_file is not None:
        file = Path(settings.database_password_file)
        return {"password": lambda: file.read_text().strip()}
    if settings.database_password is not None:
        return {"password": settings.database_password}
    return {}
