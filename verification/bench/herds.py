"""`make herd`: the thundering-herd test on this service, a bare application and the conventional
stack.

The bare application sends the same bytes, after the upstream's delay: it shows what this machine,
Granian and the clients need with no service at all.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from load.__main__ import up_to
from servicekit.dev.processes import StartError
from verification import machine
from verification.bench.cases import Case
from verification.bench.testbed import open_testbed
from verification.herd import (
    DELAY,
    MODES,
    HerdResult,
    attack,
    describe,
    paths,
    settings,
)

_CASES = {
    "cold": Case(name="cold", url="/data/bare"),
    "hot": Case(name="hot", url="/items/1"),
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
    parser = argparse.ArgumentParser(prog="make herd", usage=argparse.SUPPRESS)
    parser.add_argument("--clients", type=up_to(100_000), default=50_000)
    parser.add_argument("--mode", action="append", choices=MODES, help="default: both")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    files = machine.raise_open_files()
    workers = machine.workers(options.clients, files)
    if lack := machine.lacks(options.clients, workers, files):
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
        open_testbed(Path(folder), DELAY, machine.workers(clients, files)) as bed,
    ):
        given = settings(clients, files)
        with bed.ours(given) as running:
            asked = paths(mode, running.port)
            ours = attack(mode, running.port, running.pid, clients, bed.upstream, asked)
            print(describe(ours), flush=True)
            delay = {"BARE_DELAY": str(DELAY if mode == "cold" else 0)}
            with bed.peer("bare", _CASES[mode], running, {**given, **delay}) as plain:
                bare = attack(mode, plain.port, plain.pid, clients, bed.upstream, asked)
            with bed.peer("conventional", _CASES[mode], running, {}) as plain:
                asked = paths(mode, plain.port)
                theirs = attack(mode, plain.port, plain.pid, clients, bed.upstream, asked)
    print(_table(ours, theirs, bare), flush=True)
    return not ours.shortfalls()


def _table(ours: HerdResult, theirs: HerdResult, bare: HerdResult) -> str:
    lines = [f"\n{ours.mode + ' herd':<24}{'ours':>12}{'conventional':>15}{'bare':>12}"]
    lines += [
        f"{name:<24}{show(ours):>12}{show(theirs):>15}{show(bare):>12}" for name, show in _ROWS
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
