"""What `make herd` saw on this machine, beside what the plan claims for a fleet."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from htpy import Node, fragment, p

from load.page import page, table
from load.processes import PROJECT
from verification.herd import SEEN

REPORT = PROJECT / "reports/herd.html"
_PLAN = Path("venv/bin/python")  # in infra/
_COLUMNS = ("", "seen here", "a task", "the fleet")
_COLUMNS_ARE = (
    "What make herd saw on this machine; what the plan asks of one task; and of the largest fleet"
    " that it lets grow, at the peak of its workload."
)
_NOT_SHOWN = (
    "One machine shows that a process holds and answers that many. It doesn't show the load"
    " balancer, the network, the zones, or how a database serves hundreds of workers."
)


def main() -> None:
    options = argparse.ArgumentParser(prog="make herd", usage=argparse.SUPPRESS)
    options.add_argument("--stack", default="prod")
    stack = options.parse_args().stack
    if not (PROJECT / "infra" / _PLAN).exists():
        sys.exit("The plan's own tools are missing, so nothing stands beside it: run `make plan`.")
    asked = subprocess.run(
        [str(_PLAN), "-m", "stackkit.tools.report", "--stack", stack, "--json"],
        cwd=PROJECT / "infra",
        capture_output=True,
        text=True,
    )
    if asked.returncode:
        sys.exit(asked.stderr.strip())
    plan, seen = json.loads(asked.stdout), json.loads(SEEN.read_text())
    REPORT.write_text(report(plan, seen))
    print(f"\n{_verdict(plan, seen)}\nBeside the plan: {REPORT.relative_to(PROJECT)}")


def report(plan: Mapping[str, Any], seen: list[dict[str, Any]]) -> str:
    return page("A herd here, a fleet there", _verdict(plan, seen), _parts(plan, seen))


def _verdict(plan: Mapping[str, Any], seen: list[dict[str, Any]]) -> str:
    held = min(result["peak"] // result["workers"] for result in seen)
    asked = int(plan["environment"]["MAX_IN_FLIGHT"])
    relation = "more than" if held > asked else "as many as" if held == asked else "fewer than"
    return (
        f"Each worker here held {held:,} requests at once, {relation} the {asked:,} that the plan"
        f" of {plan['stack']} asks of one."
    )


def _parts(plan: Mapping[str, Any], seen: list[dict[str, Any]]) -> Iterator[tuple[str, Node]]:
    for result in seen:
        yield f"{result['mode'].capitalize()}", table(_COLUMNS, list(_rows(plan, result)))
    yield (
        "What it doesn't show",
        fragment[p[_NOT_SHOWN], (p(".bad")[warning] for warning in plan["warnings"])],
    )


def _rows(plan: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    numbers = {name: number["value"] for name, number in plan["numbers"].items()}
    workers, each = numbers["server.workers"], numbers["server.max_in_flight"]
    tasks, rate = numbers["fleet.maximum"], numbers["fleet.peak_rate"]
    yield "workers", f"{seen['workers']}", f"{workers}", f"{workers * tasks:,}"
    yield (
        "requests in flight",
        f"{seen['peak']:,}",
        f"up to {workers * each:,}",
        f"up to {workers * each * tasks:,}",
    )
    yield "in flight per worker", f"{seen['peak'] // seen['workers']:,}", f"up to {each:,}", ""
    yield "answers/s", f"{seen['ok'] / seen['wall']:,.0f}", f"{rate / tasks:,.0f}", f"{rate:,}"
    yield "CPUs", f"{os.cpu_count()} for all", f"{workers}", f"{workers * tasks:,}"
    yield "memory for each in flight", f"{seen['memory'] / seen['peak'] / 1024:,.0f} KiB", "", ""
    yield "never answered", f"{seen['never_answered']:,} of {seen['requests']:,}", "", ""
    yield "p99", f"{seen['p99']:.1f} s", "", ""


if __name__ == "__main__":
    main()
