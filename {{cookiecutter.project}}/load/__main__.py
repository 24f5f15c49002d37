"""`make load`: Locust with a mix of the API, against a service on this machine or a named one."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verification.herd import service

from load import machine, target
from load.options import up_to
from load.processes import PROJECT, stores
from load.upstream import SlowUpstream
from servicekit.dev.processes import StartError, free_port

REPORTS = PROJECT / "reports"
_MOST_USERS, _MOST_SECONDS = 5_000, 3_600
_DELAY = 0.05  # seconds, of the stand-in for the upstream
_FILES = 200  # of Locust itself


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _check_files(options.users)
        with _service(options.host) as address:
            target.confirm(address, f"{options.users:,} users for {options.seconds} s")
            target.check_answers(address)
            sys.exit(_run(_locust(options, address)))
    except (target.Refused, StartError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


@contextmanager
def _service(host: str | None) -> Iterator[str]:
    """The address of the one that was named, of one that runs here, or of one of our own."""
    here = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
    if host:
        yield target.check(host, target.listed())
    elif target.is_ours(here):
        print(f"Using the service at {here}.")
        yield here
    else:
        print("Starting a service of its own, on an empty PostgreSQL and Valkey.", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="load-") as folder,
            stores(Path(folder)) as urls,
            SlowUpstream.serving(_DELAY) as upstream,
            service(Path(folder), {**urls, "UPSTREAM_URL": upstream.url}) as (port, _),
        ):
            yield f"http://127.0.0.1:{port}"


def _locust(options: argparse.Namespace, address: str) -> list[str]:
    command = [
        sys.executable, "-m", "locust", "--locustfile", "load/locustfile.py", "--host", address,
        "--users", str(options.users), "--spawn-rate", str(options.spawn_rate),
        "--run-time", f"{options.seconds}s", "--stop-timeout", "15", "--loglevel", "WARNING",
        "--p99-ms", str(options.p99_ms), "--failures-percent", str(options.failures_percent),
    ]  # fmt: skip
    if options.workers:
        command += ["--master", "--expect-workers", str(options.workers)]
    if options.ui:
        port = str(free_port())
        print(f"Open http://127.0.0.1:{port}; Ctrl-C ends it.", flush=True)
        return [*command, "--web-host", "127.0.0.1", "--web-port", port]
    REPORTS.mkdir(exist_ok=True)
    written = ["--html", str(REPORTS / "load.html"), "--csv", str(REPORTS / "load")]
    return [*command, "--headless", "--only-summary", *written]


def _run(command: list[str]) -> int:
    """Locust's exit code. It shares our terminal and ends by itself at Ctrl-C."""
    locust = subprocess.Popen(command, cwd=PROJECT)
    while True:
        try:
            code = locust.wait()
            break
        except KeyboardInterrupt:
            continue
    if "--headless" in command:
        print("The report is reports/load.html, its tables reports/load_*.csv.")
    return code


def _check_files(users: int) -> None:
    files = machine.raise_open_files()
    if files < users + _FILES:
        raise target.Refused(
            f"{users:,} users need {users + _FILES:,} open files, and the hard limit is {files:,}:"
            f" raise it (ulimit -Hn), or use USERS={max(1, files - _FILES)}."
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", usage=argparse.SUPPRESS)
    parser.add_argument("--host", help="a service of load/targets.txt; default: one on loopback")
    parser.add_argument("--users", type=up_to(_MOST_USERS), default=100)
    parser.add_argument("--spawn-rate", type=up_to(500), default=20, help="users a second")
    parser.add_argument("--seconds", type=up_to(_MOST_SECONDS), default=60)
    parser.add_argument("--p99-ms", type=up_to(60_000), default=250, help="the objective")
    parser.add_argument("--failures-percent", type=float, default=0.1, help="the objective")
    parser.add_argument("--workers", type=up_to(100), help="Locust workers on other machines")
    parser.add_argument("--ui", action="store_true", help="Locust's web page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
