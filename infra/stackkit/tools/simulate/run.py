"""A fleet under a trace, tick by tick: what it was asked, what it could, and what was too much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from stackkit.plan.scale_up import METRIC_DELAY_S, MINUTE
from stackkit.settings.schedules import Schedule
from stackkit.tools.simulate.scaler import (
    Change,
    Policies,
    Series,
    Size,
    decided,
    rebounded,
    settled,
)
from stackkit.tools.simulate.schedule import names
from stackkit.tools.simulate.tasks import Starts, Tasks, advanced, resized
from stackkit.tools.simulate.traffic import TICK_S, Trace

# what the longest alarm looks back
_REMEMBERED = 16
_TICKS_A_MINUTE = MINUTE // TICK_S


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A fleet and its scaling. A task carries `task_rate` requests a second when it is full."""

    task_rate: float
    answer_bytes: int
    minimum: int
    maximum: int
    first: int
    policies: Policies
    starts: Starts
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One tick. Rates are requests a second; `tasks` are paid for, `serving` answer."""

    second: int
    load: float
    capacity: float
    tasks: int
    serving: int
    desired: int

    @property
    def shed(self) -> float:
        return max(0.0, self.load - self.capacity)

    @property
    def utilisation(self) -> float:
        """Percent of what serves, as a processor shows it."""
        return 100 * min(1.0, self.load / self.capacity) if self.capacity else 100.0


@dataclass(frozen=True)
class SimulationRun:
    trace: Trace
    setup: Setup
    samples: tuple[Sample, ...]
    changes: tuple[Change, ...]


def simulate(setup: Setup, trace: Trace) -> SimulationRun:
    size = Size(setup.first, setup.minimum, setup.maximum)
    tasks = Tasks(setup.first, warm=setup.starts.warm_pool)
    samples: list[Sample] = []
    changes: list[Change] = []
    series: dict[str, list[float]] = {"cpu": [], "requests": [], "network": []}
    for tick, load in enumerate(trace.rates):
        now = tick * TICK_S
        tasks = advanced(tasks, now, setup.starts)
        size = settled(size, setup.policies, now, tasks.settled)
        if now % MINUTE == 0:
            _measure(series, samples, now, setup)
            for change in _changed(size, setup, series, trace, now):
                size = change[0]
                changes += [change[1]] if change[1] else []
            tasks = resized(tasks, size.desired)
            tasks = advanced(tasks, now, setup.starts)
        capacity = tasks.serving * setup.task_rate
        samples.append(Sample(now, load, capacity, tasks.total, tasks.serving, size.desired))
    return SimulationRun(trace, setup, tuple(samples), tuple(changes))


def _changed(
    size: Size, setup: Setup, series: Series, trace: Trace, now: int
) -> Iterator[tuple[Size, Change | None]]:
    """Schedules first: they set the bounds within which policies decide."""
    sample = trace.start + timedelta(seconds=now)
    for schedule in setup.schedules:
        if names(schedule, sample):
            size, change = rebounded(size, schedule.minimum, schedule.maximum, now)
            yield size, change
    yield decided(size, setup.policies, series, now)


def _measure(
    series: dict[str, list[float]], samples: Sequence[Sample], now: int, setup: Setup
) -> None:
    """Adds the minute that CloudWatch shows by now, a minute after its end."""
    end = (now - METRIC_DELAY_S) // TICK_S
    minute = samples[max(0, end - _TICKS_A_MINUTE) : max(0, end)]
    if len(minute) < _TICKS_A_MINUTE:
        return
    served = sum(min(one.load, one.capacity) for one in minute) * TICK_S
    asked = sum(one.load for one in minute) * TICK_S
    serving = max(1.0, sum(one.serving for one in minute) / len(minute))
    points = {
        "cpu": sum(one.utilisation for one in minute) / len(minute),
        "requests": asked / serving,
        "network": served * setup.answer_bytes / MINUTE / serving,
    }
    for name, point in points.items():
        series[name] = [*series[name][-_REMEMBERED:], point]


def with_minimum(setup: Setup, minimum: int) -> Setup:
    return replace(setup, minimum=minimum, first=max(setup.first, minimum))
