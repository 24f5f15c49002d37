"""`make herd`: 50,000 requests in flight at once, here, against the conventional stack, and against
a bare application that answers the same bytes, after the upstream's time if that is asked: what
this machine, Granian and the clients need, with no service at all."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path as Folder

from load import machine
from servicekit.dev.processes import StartError
from verification.bench.paths import Path
from verification.bench.stage import stage
from verification.herd import DELAY, MODES, WORKERS, Result, attack, describe, paths, settings

_ASKED = {
    "cold": Path(name="cold", title="", url="/data/bare"),
    "hot": Path(name="hot", title="", url="/items/1"),
}
_ROWS = (
    ("good answers", lambda result: f"{result.report.ok:,}"),
    ("bad answers", lambda result: f"{result.report.bad_status:,}"),
    ("never answered", lambda result: f"{result.report.never_answered:,}"),
    ("failed connections", lambda result: f"{result.report.errors:,}"),
    ("in flight at the peak", lambda result: f"{result.report.peak:,}"),
    ("p50, s", lambda result: f"{result.report.p50:.2f}"),
    ("p99, s", lambda result: f"{result.report.p99:.2f}"),
    ("slowest, s", lambda result: f"{result.report.slowest:.2f}"),
    ("wall, s", lambda result: f"{result.report.wall:.1f}"),
    ("upstream calls", lambda result: f"{result.calls.total():,}"),
    ("memory, MiB", lambda result: f"{result.memory / 2**20:,.0f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make herd")
    parser.add_argument("--clients", type=int, default=50_000)
    parser.add_argument("--mode", action="append", choices=MODES, help="default: both")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    files = machine.raise_open_files()
    if lack := machine.lacks(options.clients, WORKERS, files):
        sys.exit(lack)
    print(machine.description(), flush=True)
    try:
        good = [_compare(mode, options.clients, files) for mode in options.mode or MODES]
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    sys.exit(0 if all(good) else 1)


def _compare(mode: str, clients: int, files: int) -> bool:
    """All on the same stores; whether ours does what it has to."""
    with (
        tempfile.TemporaryDirectory(prefix="herd-") as folder,
        stage(Folder(folder), DELAY) as ready,
    ):
        given = settings(clients, files)
        with ready.ours(given) as running:
            asked = paths(mode, running.port)
            ours = attack(mode, running.port, running.pid, clients, ready.upstream, asked)
            print(describe(ours), flush=True)
            delay = {"BARE_DELAY": str(DELAY if mode == "cold" else 0)}
            with ready.bare(running, _ASKED[mode], {**given, **delay}) as plain:
                bare = attack(mode, plain.port, plain.pid, clients, ready.upstream, asked)
        with ready.yardstick({}) as running:
            asked = paths(mode, running.port)
            theirs = attack(mode, running.port, running.pid, clients, ready.upstream, asked)
    print(_table(ours, theirs, bare), flush=True)
    return not ours.shortfalls()


def _table(ours: Result, theirs: Result, bare: Result) -> str:
    lines = [f"\n{ours.mode + ' herd':<24}{'ours':>12}{'conventional':>15}{'bare':>12}"]
    lines += [
        f"{name:<24}{show(ours):>12}{show(theirs):>15}{show(bare):>12}" for name, show in _ROWS
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
