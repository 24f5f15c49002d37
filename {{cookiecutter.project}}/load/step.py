"""One rate, held for some seconds: what came of it."""

from dataclasses import dataclass

import psutil

from load import cpu
from load.arrivals import Arrivals, arriving
from load.cpu import Shares
from load.mix import Mix
from load.outcome import NEVER, Outcome

LATE = 0.01  # seconds; above it the figures tell of the generator


@dataclass(frozen=True, kw_only=True)
class Objective:
    p99: float  # seconds that a request may take, beside its upstream's
    errors: float = 0.001  # of all requests


@dataclass(frozen=True, kw_only=True)
class Step:
    """Times are seconds, from the moment at which a request was due."""

    rate: float  # requests/s
    requests: int
    errors: int  # answers that were not due, and requests that never got one
    p50: float
    p95: float
    p99: float
    in_flight: float  # mean
    cpus: Shares
    late: float  # the generator's own lateness, its 99th percentile

    def meets(self, objective: Objective, wait: float) -> bool:
        """`wait` is the time that the upstream takes."""
        good = self.errors <= self.requests * objective.errors
        return good and self.p99 <= wait + objective.p99 and self.late <= LATE


def take(mix: Mix, arrivals: Arrivals, server: psutil.Process, settling: float) -> Step:
    """Returns once each request has ended; the first `settling` seconds don't count."""
    with arriving(arrivals) as load:
        before = cpu.read(server)
        outcome = load.outcome()
        after = cpu.read(server)
    begin, end = load.began + settling, load.began + arrivals.seconds
    counted = outcome.between(begin, NEVER)
    answered = [took for took in counted.took if took < NEVER]
    return Step(
        rate=arrivals.rate,
        requests=len(counted),
        errors=mix.wrong(counted),
        p50=counted.percentile(50),
        p95=counted.percentile(95),
        p99=counted.percentile(99),
        in_flight=sum(answered) / (end - begin),  # Little's law
        cpus=after.since(before, _end(outcome, end) - load.began),
        late=counted.lateness(),
    )


def _end(outcome: Outcome, least: float) -> float:
    """When the last answer came."""
    ends = (due + took for due, took in zip(outcome.due, outcome.took, strict=True) if took < NEVER)
    return max(least, *ends)
