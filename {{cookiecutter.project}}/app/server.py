"""Starts the service as production runs it, from the environment alone: `python -m app.server`."""

import asyncio
import os
import socket
import sys

from app.errors import Unavailable
from app.postgres import connect
from app.settings import Settings, SettingsError, load_settings

# Each can be overridden by the environment, which is how the infrastructure's plan sets the
# numbers of a larger or smaller task.
GRANIAN = {
    "GRANIAN_INTERFACE": "asgi",  # `asginl` would skip the lifespan, which opens the pools
    "GRANIAN_FACTORY": "true",
    "GRANIAN_HTTP": "1",  # what an ALB speaks to its targets; `auto` never closes silent clients
    "GRANIAN_WEBSOCKETS": "false",
    "GRANIAN_LOOP": "uvloop",
    "GRANIAN_TASK_IMPL": "asyncio",
    "GRANIAN_RUNTIME_MODE": "st",  # one I/O thread per worker: scale by workers
    # Both count connections, not requests, and a client above them waits with no answer. They are
    # far above what `MAX_IN_FLIGHT` admits, so that a full worker says 503 instead.
    "GRANIAN_BACKLOG": "65535",
    "GRANIAN_BACKPRESSURE": "16000",
    "GRANIAN_HTTP1_BUFFER_SIZE": "65536",  # request line and headers; the default is 417,792 bytes
    # Also how long a silent connection is kept. Above the load balancer's idle timeout (50 s),
    # or it would send a request into a connection that is being closed, and answer 502.
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": "60000",  # ms, Granian's maximum
    "GRANIAN_WORKERS_KILL_TIMEOUT": "30",  # s; a stalled upload would block a stop for ever
    "GRANIAN_RESPAWN_FAILED_WORKERS": "true",  # without it a lost worker stops the server
}


def main() -> None:
    try:
        settings = load_settings()
        _check_port(settings)
        asyncio.run(_check_database(settings))
    except (SettingsError, Unavailable, OSError) as error:
        sys.exit(str(error))
    command = [sys.executable, "-m", "granian", "app.main:create_app"]
    os.execve(sys.executable, command, granian_environment(settings))


def granian_environment(settings: Settings) -> dict[str, str]:
    return {
        **GRANIAN,
        **({} if settings.environment == "local" else {"GRANIAN_LOG_CONFIG": _JSON_LOGS}),
        **os.environ,
        "GRANIAN_HOST": settings.host,
        "GRANIAN_PORT": str(settings.port),
        "GRANIAN_WORKERS": str(settings.web_concurrency),
    }


def _check_port(settings: Settings) -> None:
    """Granian shares a port with whoever has it, and each then gets a part of the requests."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            address = f"{settings.host}:{settings.port}"
            raise OSError(f"Can't listen on {address}: {error.strerror}.") from None


async def _check_database(settings: Settings) -> None:
    """A worker that can't open its pool would be started over and over, with a trace each time."""
    connection = await connect(settings)
    await connection.close()


_JSON_LOGS = os.path.join(os.path.dirname(__file__), "telemetry", "granian.json")

if __name__ == "__main__":
    main()
