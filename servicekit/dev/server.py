"""The dev server, `make dev`: the service with all that it needs on one machine.

PostgreSQL, Valkey and the upstream are started only where their URL is not set.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

from servicekit.dev.lock import only_one
from servicekit.dev.processes import SERVICE, StartError, answers, child, chosen_port, wait_until
from servicekit.dev.servers import say, servers
from servicekit.settings import Settings, SettingsError, read_settings

DATA = Path(".local")  # kept between runs, ignored by git
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# More environment variables of the service, and more text to print once it answers.
Extras = tuple[dict[str, str], str]


def _no_extras(_started: ExitStack) -> Extras:
    return {}, ""


def run(extras: Callable[[ExitStack], Extras] = _no_extras) -> None:
    # Ctrl-C, too: a shell's background jobs are started with it ignored.
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        with ExitStack() as started:
            _serve(started, extras)
    except StartError as error:
        sys.exit(str(error))
    except OSError as error:  # a full disk, a folder that can't be written
        sys.exit(f"{error.filename or DATA} can't be used: {error.strerror}.")
    except KeyboardInterrupt:
        print("\nStopped.")


def _serve(started: ExitStack, extras: Callable[[ExitStack], Extras]) -> None:
    port = chosen_port(os.environ)
    _check_settings(os.environ)
    address = f"http://127.0.0.1:{port}"
    started.enter_context(only_one(DATA, address))
    if port != 8000 and not os.environ.get("PORT"):
        say("port", f"8000 is taken; using {port}")
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
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    if subprocess.run(command, env=environment).returncode != 0:
        raise StartError("The migrations failed; nothing was served.")
    reload = {"GRANIAN_RELOAD": "true", "GRANIAN_RELOAD_PATHS": "app"}
    reload["GRANIAN_RELOAD_IGNORE_WORKER_FAILURE"] = "true"  # until the mistake is mended
    server = started.enter_context(child(SERVICE, env={**reload, **environment}))
    wait_until(lambda: answers(f"{address}/health"), server, "The service", None)
    print(_WELCOME.format(address=address, more=welcome), flush=True)
    code = server.wait()
    raise StartError(f"The service ended by itself with code {code}.")


def _check_settings(environment: Mapping[str, str]) -> None:
    """Rejects wrong settings before anything starts. URLs that are not set come later."""
    later = {"DATABASE_URL": "postgresql://later", "REDIS_URL": "redis://later"}
    try:
        read_settings(Settings, {**later, **environment})
    except SettingsError as error:
        raise StartError(str(error)) from None


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # an impatient second one would leave orphans
    raise KeyboardInterrupt


_WELCOME = """
  {address}/schema   the API's documentation
  {address}/ready    the state of its dependencies
{more}
Try:
  curl -i {address}/ready
  curl -i {address}/items --json '{{"name": "tea", "price_cents": 350}}'
  curl -i {address}/data/42

Ctrl-C stops everything.
"""

if __name__ == "__main__":
    run()
