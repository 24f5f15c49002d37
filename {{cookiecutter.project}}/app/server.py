"""Starts the service as production runs it, from the environment alone: `python -m app.server`.

This process starts Granian, and stands before it when the service is told to stop: SIGTERM first
turns /ready to 503, and reaches Granian when load balancers have had the time to see that. Granian
then answers what it has begun, and the lifespan closes the pools.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

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
    # Seconds from SIGTERM on, DRAIN_TIME included; a stalled upload would block a stop for ever.
    "GRANIAN_WORKERS_KILL_TIMEOUT": "30",
    "GRANIAN_RESPAWN_FAILED_WORKERS": "true",  # without it a lost worker stops the server
}


class _Stop(BaseException):
    """Raised wherever the main thread is when a signal comes."""

    def __init__(self, drain: bool) -> None:
        self.drain = drain


def main() -> None:
    try:
        settings = load_settings()
        _check_port(settings)
    except (SettingsError, OSError) as error:
        sys.exit(str(error))
    checked = subprocess.run([sys.executable, "-m", "app.preflight"])
    if checked.returncode != 0:
        sys.exit(checked.returncode)
    with tempfile.TemporaryDirectory(prefix="app-") as folder:
        code = _serve(settings, Path(folder, "stopping"))
    sys.exit(code)


def _serve(settings: Settings, stopping: Path) -> int:
    environment = granian_environment(settings) | {"STOPPING_FILE": str(stopping)}
    command = [sys.executable, "-m", "granian", "app.main:create_app"]
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGHUP, _stop)
    server = subprocess.Popen(command, env=environment)
    try:
        return server.wait()
    except _Stop as stop:
        stopping.touch()
        # A second signal does not wait.
        with suppress(subprocess.TimeoutExpired, _Stop):
            server.wait(settings.drain_time if stop.drain else 0)
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    server.terminate()
    return server.wait()


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stop(drain=number == signal.SIGTERM)


def granian_environment(settings: Settings) -> dict[str, str]:
    environment = {
        **GRANIAN,
        **({} if settings.environment == "local" else {"GRANIAN_LOG_CONFIG": _JSON_LOGS}),
        **os.environ,
        "GRANIAN_HOST": settings.host,
        "GRANIAN_PORT": str(settings.port),
        "GRANIAN_WORKERS": str(settings.web_concurrency),
    }
    left = int(environment["GRANIAN_WORKERS_KILL_TIMEOUT"]) - settings.drain_time
    return {**environment, "GRANIAN_WORKERS_KILL_TIMEOUT": str(max(1, round(left)))}


def _check_port(settings: Settings) -> None:
    """Granian shares a port with whoever has it, and each then gets a part of the requests."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            address = f"{settings.host}:{settings.port}"
            raise OSError(f"Can't listen on {address}: {error.strerror}.") from None


_JSON_LOGS = os.path.join(os.path.dirname(__file__), "telemetry", "granian.json")

if __name__ == "__main__":
    main()
