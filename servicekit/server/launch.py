"""Starts the service as production runs it, from the environment alone: `python -m app`.

    launch (this process)  checks the start, then waits for signals
      supervisor           Granian's main process, with the admin server
        workers

SIGTERM turns /ready to 503, and reaches Granian DRAIN_TIME later, when load balancers have noticed.
Granian then finishes the requests in flight, and the lifespan closes the pools. Each process ends
when its parent does.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from servicekit.server.ports import check_port, reserve_admin_port
from servicekit.server.signals import STOP_SIGNALS, SignalQueue
from servicekit.settings import ADMIN_HOST, Settings, SettingsError

# Each can be overridden by the environment, which is how the infrastructure's plan sets the
# numbers of a larger or smaller task.
GRANIAN = {
    # Costs less than `asgi`, which gives more: servicekit/http/rsgi.py names the differences.
    "GRANIAN_INTERFACE": "rsgi",
    "GRANIAN_FACTORY": "true",
    "GRANIAN_HTTP": "1",  # an ALB speaks HTTP/1.1 to targets; `auto` never closes silent clients
    "GRANIAN_WEBSOCKETS": "false",
    "GRANIAN_LOOP": "uvloop",
    "GRANIAN_TASK_IMPL": "asyncio",
    "GRANIAN_RUNTIME_MODE": "st",  # one I/O thread per worker: scale by workers
    # Both bound connections, not requests, and a connection above the bound waits without a
    # response. They are far above `MAX_IN_FLIGHT`, so that a worker at capacity answers 503.
    "GRANIAN_BACKLOG": "65535",
    "GRANIAN_BACKPRESSURE": "16000",
    "GRANIAN_HTTP1_BUFFER_SIZE": "65536",  # request line and headers; the default is 417,792 bytes
    # Also how long a silent connection is kept. Above the load balancer's idle timeout (50 s),
    # or it would send a request into a connection that is being closed, and answer 502.
    "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": "59000",  # ms
    # Seconds from SIGTERM on, DRAIN_TIME included; a stalled upload would block a stop for ever.
    "GRANIAN_WORKERS_KILL_TIMEOUT": "30",
    "GRANIAN_RESPAWN_FAILED_WORKERS": "true",  # without it a lost worker stops the server
    # Where OTEL_EXPORTER_OTLP_ENDPOINT is set: a caller's decision holds, else one of a hundred.
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    "OTEL_SERVICE_NAME": "service",
}


_SAME_STOP = 0.5  # seconds; `make` forwards a signal that its children got from the terminal, too
_KILL_AFTER = 10.0  # seconds beyond the time that the workers have to end
_KILL_TIMEOUT = "GRANIAN_WORKERS_KILL_TIMEOUT"


def main(load_settings: Callable[[], Settings]) -> None:
    """Serves until a signal comes. `load_settings` raises SettingsError if it can't be served."""
    code = _run(load_settings, SignalQueue())
    for number in STOP_SIGNALS:  # the interpreter's end restores default handlers, which would kill
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _run(load_settings: Callable[[], Settings], signals: SignalQueue) -> int | str:
    try:
        settings = load_settings()
        environment = granian_environment(settings)
        check_port(settings.host, settings.port)
        settings = _with_admin_port(settings)
    except (SettingsError, OSError) as error:
        return str(error)
    preflight = subprocess.Popen([sys.executable, "-m", "servicekit.server.preflight"])
    if signals.wait(preflight) is not None:
        preflight.kill()
        preflight.wait()
        return 0  # before anything was served
    if preflight.returncode != 0:
        return preflight.returncode
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        environment |= _admin_environment(settings, Path(folder))
        return _serve(settings, environment, Path(folder), signals)


def _serve(
    settings: Settings, environment: dict[str, str], folder: Path, signals: SignalQueue
) -> int:
    stopping = folder / "stopping"
    launcher = {"STOPPING_FILE": str(stopping), "LAUNCHER_PID": str(os.getpid())}
    server = subprocess.Popen(
        [sys.executable, "-m", "servicekit.server.supervisor"], env=environment | launcher
    )
    first = signals.wait(server)
    if first is None:
        return server.returncode
    stopping.touch()
    if first == signal.SIGTERM:
        drain(server, settings.drain_time, signals)
    return _stop(server, float(environment[_KILL_TIMEOUT]) + _KILL_AFTER)


def drain(
    server: subprocess.Popen[bytes],
    seconds: float,
    signals: SignalQueue,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Waits for the drain time, or until another signal arrives."""
    begun = clock()
    while (left := begun + seconds - clock()) > 0:
        if signals.wait(server, left) is None or clock() - begun > _SAME_STOP:
            return


def _stop(server: subprocess.Popen[bytes], seconds: float) -> int:
    """The exit code: 0, unless the server failed or had to be killed. Further signals change
    nothing; a supervisor that is killed takes the workers along."""
    server.terminate()
    try:
        code = server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        code = server.wait()
    return 0 if code == -signal.SIGTERM else code


def granian_environment(settings: Settings) -> dict[str, str]:
    environment = {
        **GRANIAN,
        "GRANIAN_LOG_CONFIG": _LOGS,
        **os.environ,
        "GRANIAN_HOST": settings.host,
        "GRANIAN_PORT": str(settings.port),
        "GRANIAN_WORKERS": str(settings.web_concurrency),
    }
    given = environment[_KILL_TIMEOUT]
    if not (given.isascii() and given.isdecimal()):
        raise SettingsError(f"{_KILL_TIMEOUT} has to be a number of seconds, not {given!r}.")
    return {**environment, _KILL_TIMEOUT: str(max(1, round(int(given) - settings.drain_time)))}


def _with_admin_port(settings: Settings) -> Settings:
    """Checks the admin port and the one above it. Chooses one if the environment names none, so
    that a second service on the same machine needs none."""
    if "ADMIN_PORT" not in os.environ:
        return replace(settings, admin_port=reserve_admin_port())
    if settings.admin_port:
        check_port(ADMIN_HOST, settings.admin_port)
        check_port(ADMIN_HOST, settings.admin_port + 1)
    return settings


def _admin_environment(settings: Settings, folder: Path) -> dict[str, str]:
    if not settings.admin_port:
        return {}
    return {
        "ADMIN_PORT": str(settings.admin_port),
        "ADMIN_SOCKET": str(folder / "workers"),
        "GRANIAN_METRICS_ENABLED": "true",
        "GRANIAN_METRICS_ADDRESS": ADMIN_HOST,
        "GRANIAN_METRICS_PORT": str(settings.admin_port + 1),
    }


_LOGS = os.path.join(os.path.dirname(__file__), "granian.json")
