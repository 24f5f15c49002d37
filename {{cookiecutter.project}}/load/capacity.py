"""`make capacity`: what one worker on one CPU sustains, which the infrastructure's plan reads.

Requests arrive at a rate that grows until their p99 or their errors break the objective, first as
the mix of the API, then all waiting for an upstream that takes 2 s. Generator, stores and upstream
have the machine's other CPUs.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from load import capacity_page, findings, machine
from load.findings import Findings
from load.knee import Knee, TooSlow
from load.options import up_to
from load.processes import PROJECT, stores
from load.step import Objective, Step
from load.trial import HELD, RATE, Trial, run
from servicekit.dev.processes import StartError

REPORT = PROJECT / "reports/capacity.html"
_OVERHEAD = 0.7  # seconds of each step: a process is started and connects
_START = 25  # seconds for the stores and two services


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if lack := _lacks(machine.raise_open_files()):
        sys.exit(lack)
    objective = Objective(p99=options.p99_ms / 1000)
    print(machine.description())
    print(
        f"One worker on one CPU; p99 within {options.p99_ms} ms, at most"
        f" {objective.errors:.1%} wrong. This takes about {_minutes(options.repeats):.0f} minutes.",
        flush=True,
    )
    try:
        found = _measure(objective, options.repeats)
    except (StartError, TooSlow) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped; nothing was written.")
    _write(found, options.file)


def _measure(objective: Objective, repeats: int) -> Findings:
    with tempfile.TemporaryDirectory(prefix="capacity-") as name, stores(Path(name)) as urls:
        knees = []
        for title, trial in (("The mix of the API", RATE), ("Waiting for an upstream", HELD)):
            print(f"\n{title}", flush=True)
            tell = _teller(trial.steps(repeats))
            knees.append(run(trial, Path(name), urls, objective, repeats, tell))
    cpus = len(os.sched_getaffinity(0))
    return Findings(rate=knees[0], held=knees[1], objective=objective, cpus=cpus)


def _teller(steps: int) -> Callable[[Step, bool], None]:
    began, taken = time.monotonic(), 0

    def tell(step: Step, fine: bool) -> None:
        nonlocal taken
        taken += 1
        print(
            f"  {time.monotonic() - began:4.0f} s  {taken:2}/{steps:<2}"
            f"{step.rate:8,.0f}/s {step.in_flight:7,.0f} in flight  p50 {step.p50 * 1000:7,.1f} ms"
            f"  p99 {step.p99 * 1000:7,.1f} ms  CPU {step.cpus.service:4.0%}"
            f"  {step.errors:5,} wrong  {'ok' if fine else 'too much'}",
            flush=True,
        )

    return tell


def _write(found: Findings, file: Path) -> None:
    document = found.document()
    findings.write(document, file)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(capacity_page.report(found, document))
    print()
    print(_line("sustains", found, found.rate, "rate", "requests/s"))
    print(_line("holds", found, found.held, "in_flight", "requests in flight"))
    for sentence in found.noise():
        print(f"Noisy: {sentence}.")
    print(f"\nThe plan reads {_name(file)}; the report is {_name(REPORT)}.")


def _line(verb: str, found: Findings, knee: Knee, figure: str, unit: str) -> str:
    lowest, highest = min(knee.all(figure)), max(knee.all(figure))
    return (
        f"One worker {verb} {knee.middle(figure):,.0f} {unit} ({lowest:,.0f}..{highest:,.0f} in"
        f" {len(knee.found)} searches), p50 {knee.middle('p50') * 1000:,.1f} ms,"
        f" p99 {knee.middle('p99') * 1000:,.1f} ms.\n  Its limit is {found.limit(knee)}."
    )


def _name(file: Path) -> str:
    return str(file.relative_to(PROJECT)) if file.is_relative_to(PROJECT) else str(file)


def _minutes(repeats: int) -> float:
    def seconds(trial: Trial) -> float:
        return trial.steps(repeats) * (trial.seconds + trial.wait + _OVERHEAD)

    return (_START + seconds(RATE) + seconds(HELD)) / 60


def _lacks(files: int) -> str | None:
    if sys.platform != "linux":
        return "The capacity is measured on Linux: it pins the worker to a CPU."
    needed = 2 * HELD.most_in_flight + 1_000  # a client and an upstream call each
    if files < needed:
        return (
            f"{HELD.most_in_flight:,} requests in flight take up to {needed:,} open files in one"
            f" process, and the hard limit is {files:,}: raise it (ulimit -Hn {needed} as root)."
        )
    return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make capacity", usage=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=up_to(20), default=3, help="searches for each limit")
    parser.add_argument("--p99-ms", type=up_to(10_000), default=100, help="the objective")
    parser.add_argument("--file", type=Path, default=findings.FILE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
