"""Starts the service as production runs it, from the environment alone: `python -m app.server`."""

import asyncio
import os
import socket
import sys
import tempfile

from app.database import connect
from app.errors import Unavailable
from app.settings import Settings, SettingsError, load_settings

ADMIN_HOST = "127.0.0.1"  # only what shares the task's or instance's network may ask

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
    # Where OTEL_EXPORTER_OTLP_ENDPOINT is set: a caller's decision holds, else one of a hundred.
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    "OTEL_SERVICE_NAME": "service",
}


def main() -> None:
    try:
        settings = load_settings()
        _check_port(settings.host, settings.port)
        if settings.admin_port:
            _check_port(ADMIN_HOST, settings.admin_port)
            _check_port(ADMIN_HOST, settings.admin_port + 1)
        asyncio.run(_check_database(settings))
        environment = granian_environment(settings) | _admin_environment(settings)
    except (SettingsError, Unavailable, OSError) as error:
        sys.exit(str(error))
    os.execve(sys.executable, [sys.executable, "-m", "app"], environment)


def granian_environment(settings: Settings) -> dict[str, str]:
    return {
        **GRANIAN,
        "GRANIAN_LOG_CONFIG": _LOGS,
        **os.environ,
        "GRANIAN_HOST": settings.host,
        "GRANIAN_PORT": str(settings.port),
        "GRANIAN_WORKERS": str(settings.web_concurrency),
    }


def _admin_environment(settings: Settings) -> dict[str, str]:
    if not settings.admin_port:
        return {}
    return {
        "ADMIN_SOCKET": os.path.join(tempfile.mkdtemp(prefix="service-"), "workers"),
        "GRANIAN_METRICS_ENABLED": "true",
        "GRANIAN_METRICS_ADDRESS": ADMIN_HOST,
        "GRANIAN_METRICS_PORT": str(settings.admin_port + 1),
    }


def _check_port(host: str, port: int) -> None:
    """Granian shares a port with whoever has it, and each then gets a part of the requests."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(f"Can't listen on {host}:{port}: {error.strerror}.") from None


async def _check_database(settings: Settings) -> None:
    """A worker that can't open its pool would be started over and over, with a trace each time."""
    connection = await connect(settings)
    await connection.close()


_LOGS = os.path.join(os.path.dirname(__file__), "telemetry", "granian.json")

if __name__ == "__main__":
    main()
