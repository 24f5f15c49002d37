"""Connecting to PostgreSQL, and the meaning of its errors."""

from pathlib import Path
from typing import Any

import asyncpg

from servicekit.errors import Unavailable
from servicekit.settings import Settings

# The connection ended, or its server said that it ends it. The statement may or may not have been
# carried out. A new connection may well work.
CONNECTION_LOST = (
    ConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last message came instead of an answer
)
# The server runs and refuses new connections; a wrong URL or password looks the same.
CONNECTION_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
)
# The server rolled the statement back for a reason of the moment.
ROLLED_BACK = (
    asyncpg.SerializationError,  # also: a standby had to apply a change
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,  # a full disk, no memory
    asyncpg.PostgresSystemError,  # of its disk
)
# The server is gone, going, or no longer the primary, or the same statement may succeed later. Any
# other error of a statement is a defect and must show.
UNREACHABLE = (
    *CONNECTION_LOST,
    *CONNECTION_REFUSED,
    *ROLLED_BACK,
    asyncpg.TransactionRollbackError,  # of unknown completion
    OSError,  # includes TimeoutError: no connection or no answer in time
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Of connecting, each one: CONNECT may have been revoked. Of a statement, it may be a defect.
ANY_ERROR = (*UNREACHABLE, asyncpg.PostgresError)

_CONNECT_TIMEOUT = 5  # seconds


async def connect(settings: Settings) -> asyncpg.Connection:
    """A connection beside the pool; raises `Unavailable` with the reason."""
    try:
        return await asyncpg.connect(
            settings.database_url, **connect_options(settings), timeout=_CONNECT_TIMEOUT
        )
    except ANY_ERROR as error:
        raise Unavailable(f"The database could not be reached: {reason(error)}") from error


def reason(error: Exception) -> str:
    """In one line, without PostgreSQL's details and hints."""
    return str(error).partition("\n")[0] or type(error).__name__


async def probe(settings: Settings, url: str) -> None:
    """Runs `SELECT 1` on a new connection; raises what fails."""
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
    """asyncpg takes the password from the URL only if none is given here. It calls a callable for
    each connection, so the file may change while the service runs."""
    if settings.database_password_file is not None:
        file = Path(settings.database_password_file)
        return {"password": lambda: file.read_text().strip()}
    if settings.database_password is not None:
        return {"password": settings.database_password}
    return {}
