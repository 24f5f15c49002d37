"""`make capacity`: what one worker on one CPU sustains, which the infrastructure's plan reads.

The rate grows until the objective breaks: first of the project's workload, then of requests that
all wait 2 s for the upstream. Generator, stores and upstream have the machine's other CPUs.
"""

import argparse
import gc
import os
import resource
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from load import report
from load.__main__ import PROJECT, up_to
from load.generator import LoadPlan, RequestSpec, send
from load.search import Knee, LoadStep, TooSlow, find_knee, take_step
from load.workload import DATA, new_items, waiting, workload
from servicekit.dev.processes import StartError, service
from servicekit.dev.servers import migrated_stores
from servicekit.dev.upstream import StandInUpstream

_ITEMS = [f"/items/{number}" for number in range(1, 1_001)]
_CONNECTIONS = 200
_TIMEOUT = 5.0  # seconds beyond the upstream's


@dataclass(frozen=True)
class Scenario:
    """`wait` is how long each request waits for the upstream; 0 is the project's workload."""

    wait: float  # seconds
    rates: tuple[float, float]  # requests per second of the first step, and of the highest
    seconds: float  # of a step
    warm_up: float  # seconds of a step that don't count

    @property
    def max_in_flight(self) -> int:
        return int(self.rates[1] * (self.wait + 0.2)) + _CONNECTIONS


RATE = Scenario(0.0, (500, 32_000), seconds=3.0, warm_up=0.5)
HELD = Scenario(2.0, (250, 4_000), seconds=4.0, warm_up=2.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make capacity", usage=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=up_to(20), default=3, help="searches for each limit")
    parser.add_argument("--p99-ms", type=up_to(10_000), default=100, help="the objective")
    parser.add_argument("--file", type=Path, default=PROJECT / "infra/capacity.json")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("The capacity is measured on Linux: it pins the worker to a CPU.")
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * HELD.max_in_flight + 1_000  # a client and an upstream call each
    if files < needed:
        sys.exit(f"It takes {needed:,} open files, and the hard limit is {files:,}: raise it.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else its servers outlive it
    gc.disable()  # the upstream is in this process: its pauses would count as the service's
    print(f"One worker on one CPU; p99 within {options.p99_ms} ms. This takes about 4 minutes.")
    try:
        with tempfile.TemporaryDirectory(prefix="capacity-") as name:
            folder, limits = Path(name), (options.p99_ms, options.repeats)
            with migrated_stores(folder, PROJECT) as urls:
                rate = measure(RATE, folder, urls, *limits)
                held = measure(HELD, folder, urls, *limits)
    except (StartError, TooSlow) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped; nothing was written.")
    report.write(rate, held, options.p99_ms, options.file)


def measure(
    scenario: Scenario, folder: Path, urls: Mapping[str, str], p99_ms: float, repeats: int
) -> Knee:
    """Of a worker on empty stores; `p99_ms` is allowed beside the time that the upstream takes."""
    limits = {"MAX_IN_FLIGHT": 0, "UPSTREAM_CONNECTIONS": 0, "GRANIAN_BACKPRESSURE": 1_000}
    given = {name: str(scenario.max_in_flight + more) for name, more in limits.items()}
    given |= {"WEB_CONCURRENCY": "1", "REQUEST_TIMEOUT": "30", "UPSTREAM_TIMEOUT": "20", **urls}
    reads = [RequestSpec("GET", paths) for paths in (_ITEMS, DATA)]  # once, for the caches
    cpus = os.sched_getaffinity(0)

    def passes(step: LoadStep) -> bool:
        passed = step.passes(scenario.wait * 1000 + p99_ms)
        figures = (f"{name} {value:,}" for name, value in asdict(step).items() if value is not None)
        print(*figures, "ok" if passed else "too much", sep="  ", flush=True)
        return passed

    with StandInUpstream.serving(scenario.wait or 0.05) as upstream:
        os.sched_setaffinity(0, {min(cpus)})  # the service inherits it
        try:
            environment = given | {"UPSTREAM_URL": upstream.url}
            with service(folder, environment, PROJECT) as (port, process):
                os.sched_setaffinity(0, cpus - {min(cpus)} or cpus)
                for requests in () if scenario.wait else (new_items(), *reads):
                    send(LoadPlan(port=port, requests=[requests], rate=len(_ITEMS) / 2, seconds=2))
                take = partial(_take, scenario, port, psutil.Process(process))
                return find_knee(take, passes, scenario.rates, repeats)
        finally:
            os.sched_setaffinity(0, cpus)


def _take(scenario: Scenario, port: int, server: psutil.Process, rate: float) -> LoadStep:
    run = secrets.token_hex(4)
    load = LoadPlan(
        port=port,
        requests=waiting(run) if scenario.wait else workload(_ITEMS, run),
        rate=rate,
        seconds=scenario.seconds,
        connections=int(rate * scenario.wait * 1.1) + _CONNECTIONS,
        max_connections=scenario.max_in_flight,
        timeout=scenario.wait + _TIMEOUT,
    )
    return take_step(load, server, scenario.warm_up)


if __name__ == "__main__":
    main()
