"""Child processes that end with the block that started them, and free ports for them."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

SERVICE = (sys.executable, "-m", "app")
_START_TIMEOUT = 60.0  # seconds
_STOP_TIMEOUT = 40.0  # seconds; above Granian's own kill timeout
_SERVICE_STOP_TIMEOUT = 10.0  # seconds; no client waits for its responses then


class StartError(Exception):
    """One sentence: what did not start, and the last line that it logged."""


@contextmanager
def child(
    command: Sequence[str],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    stop_timeout: float = _STOP_TIMEOUT,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own: Ctrl-C reaches this process alone, which stops the child.

    A child that does not stop in time is killed, with all processes of its session.
    """
    output = log.open("wb") if log else None
    child = subprocess.Popen(
        command, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
    )
    try:
        yield child
    finally:
        child.send_signal(stop_signal)
        with suppress(subprocess.TimeoutExpired):
            child.wait(stop_timeout)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if output:
            output.close()


@contextmanager
def service(
    folder: Path,
    environment: Mapping[str, str],
    project: Path | None = None,
    command: Sequence[str] = SERVICE,
) -> Iterator[tuple[int, int]]:
    """The port and the process id of a service that answers, on free ports.

    `project` is the folder with `app/`, by default the current one. Its log is in `folder`.
    """
    port = int(environment.get("PORT") or free_port())
    log = folder / f"service-{port}.log"
    given = {**os.environ, "ADMIN_PORT": str(free_port(2)), **environment, "PORT": str(port)}
    with child(
        command, log=log, env=given, cwd=project, stop_timeout=_SERVICE_STOP_TIMEOUT
    ) as server:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), server, "The service", log)
        yield port, server.pid


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path | None
) -> None:
    """Returns once `ready`; raises StartError if the process ends before, or after 60 s."""
    deadline = time.monotonic() + _START_TIMEOUT
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            reason = last_line(log.read_text(errors="replace")) if log else "see above"
            raise StartError(f"{name} did not start: {reason}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    with suppress(OSError), urlopen(url, timeout=1) as response:
        return response.status == 200
    return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def chosen_port(environment: Mapping[str, str]) -> int:
    """The port that PORT names, or the first free one from 8000 on."""
    wanted = environment.get("PORT", "")
    if not wanted:
        return first_free_port(8000, 1)
    usable = wanted.isascii() and wanted.isdecimal() and 0 < int(wanted) < 65536
    if not usable or listens(int(wanted)):
        raise StartError(
            f"PORT {wanted} is not a free port from 1 to 65535; choose another, or none."
        )
    return int(wanted)


def first_free_port(start: int, count: int) -> int:
    """The first port from `start` on that is free, as are the `count - 1` ports that follow it."""
    blocks = range(start, start + 100 * count, count)
    return next(port for port in blocks if not any(listens(port + n) for n in range(count)))


def free_port(count: int = 1) -> int:
    """The first of `count` free ports in a row, at random, so that processes that start together
    choose different ones. They are below the range of outgoing connections."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)  # `random` may be seeded, as it is in tests
        with ExitStack() as probes, suppress(OSError):
            for number in range(count):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port + number))
            return port


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
