"""`make load`: Locust with the project's workload, against a local service or a listed one."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from load import targets
from servicekit.dev.processes import StartError, answers, free_port, service
from servicekit.dev.servers import migrated_stores
from servicekit.dev.upstream import StandInUpstream

PROJECT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", usage=argparse.SUPPRESS)
    parser.add_argument("--host", help="a service of load/targets.txt; default: one on loopback")
    parser.add_argument("--users", type=up_to(5_000), default=100)
    parser.add_argument("--spawn-rate", type=up_to(500), default=20, help="users a second")
    parser.add_argument("--seconds", type=up_to(3_600), default=60)
    parser.add_argument("--p99-ms", type=up_to(60_000), default=250, help="the objective")
    parser.add_argument("--workers", type=up_to(100), help="Locust workers on other machines")
    parser.add_argument("--ui", action="store_true", help="Locust's web page")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with _service(options.host) as address:
            targets.confirm(address, f"{options.users:,} users for {options.seconds} s")
            if not answers(f"{address}/health"):
                raise targets.TargetRejected(f"{address}/health doesn't answer with 200.")
            command = _locust(options, address)
            signal.signal(signal.SIGINT, lambda *_: None)  # Locust ends by itself at Ctrl-C
            sys.exit(subprocess.run(command, cwd=PROJECT).returncode)
    except (targets.TargetRejected, StartError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


@contextmanager
def _service(host: str | None) -> Iterator[str]:
    """The address of the host, of a service that runs on PORT, or of one that is started here."""
    local = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
    if host or answers(f"{local}/ready"):
        address = targets.check(host or local)
        print(f"Using the service at {address}.")
        yield address
        return
    print("Starting a service on an empty PostgreSQL and Valkey.", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        migrated_stores(Path(folder), PROJECT) as urls,
        StandInUpstream.serving() as upstream,
        service(Path(folder), {**urls, "UPSTREAM_URL": upstream.url}, PROJECT) as (port, _),
    ):
        yield f"http://127.0.0.1:{port}"


def _locust(options: argparse.Namespace, address: str) -> list[str]:
    command = [
        sys.executable, "-m", "locust", "--locustfile", "load/locustfile.py", "--host", address,
        "--users", str(options.users), "--spawn-rate", str(options.spawn_rate),
        "--run-time", f"{options.seconds}s", "--stop-timeout", "15", "--loglevel", "WARNING",
        "--p99-ms", str(options.p99_ms),
    ]  # fmt: skip
    if options.workers:
        command += ["--master", "--expect-workers", str(options.workers)]
    if options.ui:
        port = str(free_port())
        print(f"Open http://127.0.0.1:{port}; Ctrl-C ends it.", flush=True)
        return [*command, "--web-host", "127.0.0.1", "--web-port", port]
    (PROJECT / "reports").mkdir(exist_ok=True)
    return [*command, "--headless", "--html", "reports/load.html", "--csv", "reports/load"]


def up_to(most: int) -> Callable[[str], int]:
    def whole(given: str) -> int:
        if not given.isdecimal() or not 1 <= int(given) <= most:
            raise argparse.ArgumentTypeError(f"{given} is not a whole number from 1 to {most:,}")
        return int(given)

    return whole


if __name__ == "__main__":
    main()
