"""The highest rate that meets an objective, by steps of some seconds each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import psutil

from load.generator import NEVER, LoadPlan, Sending, percentile

_MAX_LATENESS = 10.0  # ms
_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


class TooSlow(Exception):
    """One sentence: the lowest rate does not meet the objective."""


@dataclass(frozen=True)
class LoadStep:
    """Times count from when a request was due; None is no response. CPUs are means."""

    rate: float  # requests/s
    in_flight: float  # mean
    requests: int
    errors: int  # unexpected responses, and requests without one
    p50_ms: float | None
    p99_ms: float | None
    late_ms: float | None  # the generator's own delay, 99th percentile
    service_cpus: float
    foreign_cpus: float  # all other programs, and what the hypervisor withheld

    def is_late(self) -> bool:
        """Whether the figures describe the generator, not the service."""
        return self.late_ms is None or self.late_ms > _MAX_LATENESS

    def passes(self, p99_ms: float) -> bool:
        good = self.errors <= self.requests / 1000 and not self.is_late()
        return good and self.p99_ms is not None and self.p99_ms <= p99_ms


@dataclass(frozen=True)
class Knee:
    """`found` has the best step of each search, `steps` all that were taken."""

    found: list[LoadStep]
    steps: list[LoadStep]

    def all(self, figure: str) -> list[float]:
        return [getattr(step, figure) for step in self.found]

    def median(self, figure: str) -> float:
        return median(self.all(figure))


def take_step(load: LoadPlan, server: psutil.Process, warm_up: float) -> LoadStep:
    """Returns once each request has ended; the first `warm_up` seconds don't count."""
    with Sending(load) as under_way:
        before = _cpu_seconds(server)
        outcomes = under_way.outcomes()
        used = [b - a for a, b in zip(before, _cpu_seconds(server), strict=True)]
        seconds = time.monotonic() - under_way.began
    for column in outcomes.columns():
        del column[: int(warm_up * load.rate)]
    took = outcomes.took
    in_flight = sum(t for t in took if t < NEVER) / (load.seconds - warm_up)  # Little's law
    times = [percentile(took, 50), percentile(took, 99), percentile(outcomes.late, 99)]
    p50, p99, late = (None if time == NEVER else round(time * 1000, 1) for time in times)
    service, foreign = (round(each / seconds, 2) for each in used)
    sums = (load.rate, round(in_flight, 1), len(took), outcomes.errors())
    return LoadStep(*sums, p50, p99, late, service, foreign)


def find_knee(
    take: Callable[[float], LoadStep],
    passes: Callable[[LoadStep], bool],
    rates: tuple[float, float],
    repeats: int,
) -> Knee:
    """Doubles the rate from the first of `rates`, at most to the second, until two steps in turn
    fail; then halves the gap, `repeats` times from the same bounds."""
    start, highest = rates
    steps: list[LoadStep] = []

    def passed(rate: float) -> LoadStep | None:
        steps.append(take(rate))
        return steps[-1] if passes(steps[-1]) else None

    def narrowed(best: LoadStep) -> LoadStep:
        gap = best.rate
        for _ in range(4):
            gap /= 2
            best = passed(best.rate + gap) or best
        return best

    best = passed(start) or passed(start)
    if best is None:
        why = f"p99 {steps[-1].p99_ms} ms, {steps[-1].errors} errors, {steps[-1].late_ms} ms late"
        raise TooSlow(f"Even {start:,.0f} requests/s are too many: {why}.")
    while best.rate * 2 <= highest and (better := passed(best.rate * 2) or passed(best.rate * 2)):
        best = better
    if best.rate * 2 > highest:  # and no limit was found
        return Knee([best, *(passed(best.rate) or best for _ in range(repeats - 1))], steps)
    return Knee([narrowed(best) for _ in range(repeats)], steps)


def _cpu_seconds(server: psutil.Process) -> tuple[float, float]:
    """Of `server`, and of all programs that are not below this process."""
    everything = psutil.cpu_times()._asdict()
    busy = sum(everything[name] for name in _BUSY)
    return _with_children(server), busy - _with_children(psutil.Process())


def _with_children(root: psutil.Process) -> float:
    """Of a process, all below it, and those that have ended there."""
    return sum(sum(process.cpu_times()[:4]) for process in (root, *root.children(recursive=True)))
