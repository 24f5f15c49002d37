"""Servers as processes of their own: started, waited for, and ended by id whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from servicekit.dev.processes import StartError
from servicekit.dev.servers import postgres, valkey

PROJECT = Path(__file__).parents[1]
SERVICE = (sys.executable, "-m", "app")
_START_TIMEOUT = 60.0  # seconds
_STOP_TIMEOUT = 10.0  # seconds; what still runs then is killed: nobody waits for its answers


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """The URLs of a PostgreSQL that has the schema and of a Valkey, both empty."""
    with (
        postgres(folder) as database_url,
        valkey(folder) as redis_url,
    ):
        urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        migrated = subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=PROJECT,
            env=os.environ | urls | {"UPSTREAM_URL": "http://127.0.0.1:1"},
            capture_output=True,
            text=True,
        )
        if migrated.returncode != 0:
            raise StartError(f"The migrations failed: {migrated.stderr}")
        yield urls


@contextmanager
def serving(
    command: Sequence[str], url: str, *, cwd: Path, log: Path, environment: Mapping[str, str]
) -> Iterator[int]:
    """The id of a process, once `url` answers 200."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches us alone, and we end all in order
        )
    try:
        deadline = time.monotonic() + _START_TIMEOUT
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
                raise StartError(f"{' '.join(command[:3])} did not start: {last}")
            time.sleep(0.05)
        yield server.pid
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # its session, so no worker outlives it
        server.wait()


def _answers(url: str) -> bool:
    with suppress(OSError), urlopen(url, timeout=1) as response:
        return response.status == 200
    return False
