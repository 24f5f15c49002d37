"""Starts the service as production runs it, from the environment alone: `python -m app`.

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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from servicekit.settings import ADMIN_HOST, Settings, SettingsError

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
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": "59000",  # ms; gone within a minute
    # Memory for many connections comes in large pages: a cold herd of 50,000 waits a third less.
    "_RJEM_MALLOC_CONF": "thp:always",
    # Seconds from SIGTERM on, DRAIN_TIME included; a stalled upload would block a stop for ever.
    "GRANIAN_WORKERS_KILL_TIMEOUT": "30",
    "GRANIAN_RESPAWN_FAILED_WORKERS": "true",  # without it a lost worker stops the server
    # Where OTEL_EXPORTER_OTLP_ENDPOINT is set: a caller's decision holds, else one of a hundred.
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    "OTEL_SERVICE_NAME": "service",
}


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Stop(BaseException):
    """Raised wherever the main thread is when a signal comes."""

    def __init__(self, drain: bool) -> None:
        self.drain = drain


def main(load_settings: Callable[[], Settings]) -> None:
    """Serve until a signal comes; `load_settings` refuses an environment that can't be served."""
    for name in _SIGNALS:
        signal.signal(name, _stop)
    try:
        sys.exit(_run(load_settings))
    except _Stop:
        sys.exit(0)  # before anything was served


def _run(load_settings: Callable[[], Settings]) -> int | str:
    try:
        settings = load_settings()
        _check_port(settings.host, settings.port)
        if settings.admin_port:
            _check_port(ADMIN_HOST, settings.admin_port)
            _check_port(ADMIN_HOST, settings.admin_port + 1)
    except (SettingsError, OSError) as error:
        return str(error)
    checked = subprocess.run([sys.executable, "-m", "servicekit.server.preflight"])
    if checked.returncode != 0:
        return checked.returncode
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        return _serve(settings, Path(folder))


def _serve(settings: Settings, folder: Path) -> int:
    stopping = folder / "stopping"
    environment = granian_environment(settings) | _admin_environment(settings, folder)
    server = subprocess.Popen(
        [sys.executable, "-m", "servicekit.server.supervisor"],
        env=environment | {"STOPPING_FILE": str(stopping)},
    )
    try:
        return server.wait()
    except _Stop as stop:
        stopping.touch()
        # A second signal does not wait.
        with suppress(subprocess.TimeoutExpired, _Stop):
            server.wait(settings.drain_time if stop.drain else 0)
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)
    server.terminate()
    return server.wait()


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stop(drain=number == signal.SIGTERM)


def granian_environment(settings: Settings) -> dict[str, str]:
    environment = {
        **GRANIAN,
        "GRANIAN_LOG_CONFIG": _LOGS,
        **os.environ,
        "GRANIAN_HOST": settings.host,
        "GRANIAN_PORT": str(settings.port),
        "GRANIAN_WORKERS": str(settings.web_concurrency),
    }
    left = int(environment["GRANIAN_WORKERS_KILL_TIMEOUT"]) - settings.drain_time
    return {**environment, "GRANIAN_WORKERS_KILL_TIMEOUT": str(max(1, round(left)))}


def _admin_environment(settings: Settings, folder: Path) -> dict[str, str]:
    if not settings.admin_port:
        return {}
    return {
        "ADMIN_SOCKET": str(folder / "workers"),
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


_LOGS = os.path.join(os.path.dirname(__file__), "granian.json")
