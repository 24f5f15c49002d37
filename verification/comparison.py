"""The plan's claims for a fleet beside what the thundering-herd test observed on this machine.

`python -m verification.comparison --stack prod`, after `python -m verification.herd`.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from verification import PROJECT, TEMPLATE
from verification.herd import RESULTS

_COLUMNS = ("", "observed here", "plan of a task", "plan of the fleet")
_NOT_SHOWN = (
    "One machine shows that a process holds and answers that many requests. It doesn't show the"
    " load balancer, the network, the zones, or how a database serves hundreds of workers."
)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m verification.comparison")
    options.add_argument("--stack", default="prod")
    command = [sys.executable, "-m", "stackkit.tools.report", "--json", "--stack"]
    path = os.pathsep.join([str(TEMPLATE / "infra"), os.environ.get("PYTHONPATH", "")])
    plan = subprocess.run(
        [*command, options.parse_args().stack],
        cwd=PROJECT / "infra",
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if plan.returncode:
        sys.exit(plan.stderr.strip())
    if not RESULTS.exists():
        sys.exit("Nothing was observed yet: run `python -m verification.herd`.")
    print("\n".join(compare(json.loads(plan.stdout), json.loads(RESULTS.read_text()))))


def compare(plan: Mapping[str, Any], observed: list[dict[str, Any]]) -> Iterator[str]:
    for result in observed:
        yield "{:<28}{:>24}{:>18}{:>20}".format(result["mode"], *_COLUMNS[1:])
        for row in _rows(plan, result):
            yield "{:<28}{:>24}{:>18}{:>20}".format(*row).rstrip()
    held = min(result["peak"] // result["workers"] for result in observed)
    planned = int(plan["environment"]["MAX_IN_FLIGHT"])
    relation = "more than" if held > planned else "as many as" if held == planned else "fewer than"
    yield (
        f"Each worker here held {held:,} requests at once, {relation} the {planned:,} that the plan"
        f" of {plan['stack']} lets in."
    )
    yield _NOT_SHOWN


def _rows(plan: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    numbers = {name: number["value"] for name, number in plan["numbers"].items()}
    workers, each = numbers["server.workers"], numbers["server.max_in_flight"]
    tasks, rate = numbers["fleet.maximum"], numbers["fleet.peak_rate"]
    in_flight = f"up to {workers * each:,}", f"up to {workers * each * tasks:,}"
    yield "workers", f"{seen['workers']}", f"{workers}", f"{workers * tasks:,}"
    yield "requests in flight", f"{seen['peak']:,}", *in_flight
    yield "in flight per worker", f"{seen['peak'] // seen['workers']:,}", f"up to {each:,}", ""
    yield "answers/s", f"{seen['ok'] / seen['wall']:,.0f}", f"{rate / tasks:,.0f}", f"{rate:,}"
    yield "CPUs", f"{os.cpu_count()} for all", f"{workers}", f"{workers * tasks:,}"
    yield "memory for each in flight", f"{seen['memory'] / seen['peak'] / 1024:,.0f} KiB", "", ""
    yield "never answered", f"{seen['never_answered']:,} of {seen['requests']:,}", "", ""
    yield "p99", f"{seen['p99']:.1f} s", "", ""


if __name__ == "__main__":
    main()
