"""The two questions of `make capacity`, and the service that answers them."""

import gc
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from verification.herd import service, warm_items

from load import arrivals
from load.arrivals import Arrivals, Ask
from load.knee import Knee, find
from load.mix import DATA, DATA_IDS, Mix, mix, waiting
from load.step import Objective, Step, take
from load.upstream import SlowUpstream

_CONNECTIONS = 200
_PATIENCE = 5.0  # seconds beyond the upstream's, after which a request counts as never served


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How requests arrive: at `start` a second, then more, `most` at the utmost."""

    mix: Callable[[Sequence[str], str], Mix]  # of items that exist, and a name for the run
    items: int  # that there are
    delay: float  # seconds that the upstream takes
    wait: float  # seconds of that for which each request waits
    start: float
    most: float
    halvings: int
    seconds: float  # of a step
    settling: float  # seconds of a step that don't count

    @property
    def most_in_flight(self) -> int:
        return int(self.most * (self.wait + 0.2)) + _CONNECTIONS

    def steps(self, repeats: int) -> int:
        """At the utmost."""
        rate, doublings = self.start, 2
        while (rate := rate * 2) <= self.most:
            doublings += 1
        return doublings + repeats * self.halvings


# The API's mix, at the rate that it is sustained.
RATE = Trial(
    mix=mix,
    items=1_000,
    delay=0.05,
    wait=0.0,
    start=500,
    most=32_000,
    halvings=4,
    seconds=3.0,
    settling=0.5,
)
# Each request waits for an upstream call of its own, and holds its place meanwhile.
HELD = Trial(
    mix=lambda _items, run: waiting(run),
    items=0,
    delay=2.0,
    wait=2.0,
    start=250,
    most=4_000,
    halvings=3,
    seconds=4.0,
    settling=2.0,
)


def run(
    trial: Trial,
    folder: Path,
    urls: Mapping[str, str],
    objective: Objective,
    repeats: int,
    tell: Callable[[Step, bool], None],
) -> Knee:
    """`tell` hears of each step, and whether it met the objective."""

    def good(step: Step) -> bool:
        fine = step.meets(objective, trial.wait)
        tell(step, fine)
        return fine

    with (
        SlowUpstream.serving(trial.delay) as upstream,
        _worker(folder, {**urls, "UPSTREAM_URL": upstream.url}, trial) as (port, process),
    ):
        server = psutil.Process(process)
        take_at = _taker(trial, port, server)
        take_at(trial.start)  # statements are prepared
        return find(
            take_at,
            good,
            start=trial.start,
            most=trial.most,
            repeats=repeats,
            halvings=trial.halvings,
        )


def _taker(trial: Trial, port: int, server: psutil.Process) -> Callable[[float], Step]:
    items = warm_items(port, trial.items)
    data = Ask(name="data", paths=DATA)
    arrivals.run(Arrivals(port=port, asks=[data], rate=DATA_IDS / 2, seconds=2))

    def take_at(rate: float) -> Step:
        asks = trial.mix(items, secrets.token_hex(4))
        arriving = Arrivals(
            port=port,
            asks=[ask for ask, _ in asks.asks],
            rate=rate,
            seconds=trial.seconds,
            connections=int(rate * trial.wait * 1.1) + _CONNECTIONS,
            most_connections=trial.most_in_flight,
            limit=trial.wait + _PATIENCE,
        )
        gc.collect()
        gc.disable()  # the upstream is in this process: its pauses would count as the service's
        try:
            return take(asks, arriving, server, trial.settling)
        finally:
            gc.enable()

    return take_at


@contextmanager
def _worker(
    folder: Path, environment: Mapping[str, str], trial: Trial
) -> Iterator[tuple[int, int]]:
    """The port and the process of a service with one worker, alone on the first of our CPUs."""
    ours = os.sched_getaffinity(0)
    first = min(ours)
    given = {
        **environment,
        "WEB_CONCURRENCY": "1",
        "MAX_IN_FLIGHT": str(trial.most_in_flight),
        "GRANIAN_BACKPRESSURE": str(trial.most_in_flight + 1_000),
        "REQUEST_TIMEOUT": "30",
        "UPSTREAM_TIMEOUT": "20",
        "UPSTREAM_CONNECTIONS": str(trial.most_in_flight),
    }
    os.sched_setaffinity(0, {first})  # the service inherits it
    try:
        with service(folder, given) as started:
            os.sched_setaffinity(0, ours - {first} or ours)
            yield started
    finally:
        os.sched_setaffinity(0, ours)
