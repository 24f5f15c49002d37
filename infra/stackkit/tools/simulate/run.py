"""A fleet under a trace, tick by tick: what it was asked, what it could, and what was too much."""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from stackkit.plan.scale_up import FAST_DELAY_S, METRIC_DELAY_S, MINUTE
from stackkit.settings.schedules import Schedule
from stackkit.tools.simulate.policies import Minutes, Policies
from stackkit.tools.simulate.scaler import Resizing, Size, decided, rebounded, settled
from stackkit.tools.simulate.tasks import Starts, Tasks, advanced, resized
from stackkit.tools.simulate.traffic import HOUR, TICK_S, Trace

# what the longest alarm looks back
_REMEMBERED = 16
_TICKS_A_MINUTE = MINUTE // TICK_S
_DAYS = [name.upper() for name in calendar.day_abbr]
# with nothing at 0
_MONTHS = [name.upper() for name in calendar.month_abbr]


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
class Tick:
    """Rates are requests a second; `tasks` are paid for, `serving` answer."""

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
    ticks: tuple[Tick, ...]
    changes: tuple[Resizing, ...]

    @cached_property
    def requests(self) -> int:
        return round(sum(one.load for one in self.ticks) * TICK_S)

    @cached_property
    def shed(self) -> int:
        return round(sum(one.shed for one in self.ticks) * TICK_S)

    @property
    def shed_percent(self) -> float:
        return 100 * self.shed / self.requests if self.requests else 0.0

    @property
    def utilisation(self) -> float:
        """Percent of the capacity that the requests took."""
        carried = sum(min(one.load, one.capacity) for one in self.ticks)
        return 100 * carried / (sum(one.capacity for one in self.ticks) or 1)

    @cached_property
    def serving(self) -> tuple[int, int]:
        """Fewest and most tasks."""
        counts = [one.serving for one in self.ticks]
        return min(counts), max(counts)

    @property
    def task_hours(self) -> float:
        return sum(one.tasks for one in self.ticks) * TICK_S / HOUR


def simulate(setup: Setup, trace: Trace) -> SimulationRun:
    size = Size(setup.first, setup.minimum, setup.maximum)
    tasks = Tasks(setup.first, warm=setup.starts.warm_pool)
    ticks: list[Tick] = []
    changes: list[Resizing] = []
    minutes: dict[str, list[float]] = {"cpu": [], "requests": [], "network": [], "in_flight": []}
    for number, load in enumerate(trace.rates):
        now = number * TICK_S
        tasks = advanced(tasks, now, setup.starts)
        size = settled(size, setup.policies, now, tasks.settled)
        _measure_in_flight(minutes["in_flight"], ticks, now)
        if now % MINUTE == 0 or setup.policies.fast:
            if now % MINUTE == 0:
                _measure(minutes, ticks, now, setup)
            steps = list(_changed(size, setup, minutes, trace, now))
            size = steps[-1][0]
            changes += [change for _, change in steps if change]
            tasks = advanced(resized(tasks, size.desired), now, setup.starts)
        capacity = tasks.serving * setup.task_rate
        ticks.append(Tick(now, load, capacity, tasks.total, tasks.serving, size.desired))
    return SimulationRun(trace, setup, tuple(ticks), tuple(changes))


def _changed(
    size: Size, setup: Setup, minutes: Minutes, trace: Trace, now: int
) -> Iterator[tuple[Size, Resizing | None]]:
    """Schedules first: they set the bounds within which policies decide."""
    moment = trace.start + timedelta(seconds=now)
    whole_minute = now % MINUTE == 0
    for schedule in setup.schedules:
        if whole_minute and names(schedule, moment):
            size, change = rebounded(size, schedule.minimum, schedule.maximum, now)
            yield size, change
    yield decided(size, setup.policies, minutes, now, whole_minute)


def _measure_in_flight(points: list[float], ticks: Sequence[Tick], now: int) -> None:
    """Adds what CloudWatch shows by now, as a share of what fills the tasks that served."""
    end = (now - FAST_DELAY_S) // TICK_S
    if end > 0:
        points.append(ticks[end - 1].load / (ticks[end - 1].capacity or 1))
        del points[: -_REMEMBERED * _TICKS_A_MINUTE]


def _measure(
    minutes: dict[str, list[float]], ticks: Sequence[Tick], now: int, setup: Setup
) -> None:
    """Adds the minute that CloudWatch shows by now, a minute after its end."""
    end = (now - METRIC_DELAY_S) // TICK_S
    minute = ticks[max(0, end - _TICKS_A_MINUTE) : max(0, end)]
    if len(minute) < _TICKS_A_MINUTE:
        return
    served = sum(min(one.load, one.capacity) for one in minute) * TICK_S
    serving = max(1.0, sum(one.serving for one in minute) / len(minute))
    points = {
        "cpu": sum(one.utilisation for one in minute) / len(minute),
        "requests": sum(one.load for one in minute) * TICK_S / serving,
        "network": served * setup.answer_bytes / MINUTE / serving,
    }
    for name, point in points.items():
        minutes[name] = [*minutes[name][-_REMEMBERED:], point]


def names(schedule: Schedule, moment: datetime) -> bool:
    """True in the minutes of a recurrence: five fields in UTC."""
    values = (moment.minute, moment.hour, moment.day, moment.month, moment.weekday())
    words: Sequence[Sequence[str]] = ((), (), (), _MONTHS, _DAYS)
    fields = schedule.recurrence.split()
    return all(map(_holds, fields, values, words))


def _holds(field: str, value: int, words: Sequence[str]) -> bool:
    def number(text: str) -> int:
        return words.index(text) if text in words else int(text)

    for part in field.split(",") if field != "*" else ():
        low, _, high = part.partition("-")
        start, end = number(low), number(high or low)
        # FRI-MON goes round the end of the week
        if start <= value <= end or (end < start and (value >= start or value <= end)):
            return True
    return field == "*"


def with_minimum(setup: Setup, minimum: int) -> Setup:
    return replace(setup, minimum=minimum, first=max(setup.first, minimum))
