"""Requests a second over time: a shape made from the plan, or a trace that was recorded."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import cos, isfinite, pi
from pathlib import Path

from stackkit.settings.errors import ConfigError

TICK_S = 10
# a Monday, so that schedules of weekdays hold
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = 3600
HEADER = ("time", "requests_per_second")
LONGEST_S = 14 * 24 * HOUR
_WANTED = (
    f"the header {','.join(HEADER)}, then a line for each of equal steps of 1 to 300 s: a time in"
    " seconds or as 2026-01-05T07:00:00, and a number"
)


@dataclass(frozen=True)
class Trace:
    """One rate for each tick of TICK_S from `start` on."""

    name: str
    start: datetime
    rates: Sequence[float]

    @property
    def seconds(self) -> int:
        return len(self.rates) * TICK_S


def _day(second: int) -> float:
    """Quietest at 4:00, busiest at 16:00."""
    return (1 - cos(2 * pi * (second / HOUR - 4) / 24)) / 2


def _flash(second: int) -> float:
    """From minute 30 the load rises to the peak within a minute, and falls after 15 minutes."""
    after = second - HOUR / 2
    return max(0.0, min(1.0, after / 60, (15 * 60 - after) / 60))


def _step(second: int) -> float:
    return float(HOUR / 2 <= second < 2 * HOUR)


# name → how long, and the share of what lies between base and peak
SHAPES: Mapping[str, tuple[int, Callable[[int], float]]] = {
    "day": (24 * HOUR, _day),
    "flash": (2 * HOUR, _flash),
    "step": (4 * HOUR, _step),
}


def shaped(shape: str, base: float, peak: float) -> Trace:
    if shape not in SHAPES:
        raise ConfigError(f"SHAPE: {shape!r} is none; use {', '.join(SHAPES)}, or TRACE=file.csv.")
    seconds, share = SHAPES[shape]
    rates = [base + (peak - base) * share(second) for second in range(0, seconds, TICK_S)]
    return Trace(shape, MONDAY, rates)


def read_trace(file: Path) -> Trace:
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such trace.")
    try:
        lines = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{file}: it is not text with commas; it is to have {_WANTED}.") from None
    if not lines or tuple(name.strip() for name in lines[0]) != HEADER:
        shown = repr(",".join(lines[0])) if lines else "nothing"
        raise ConfigError(f"{file}, line 1: {shown} is not {_WANTED}.")
    points = [_point(file, number, line) for number, line in enumerate(lines[1:], start=2)]
    return Trace(file.name, points[0][0] if points else MONDAY, _even(file, points))


def _point(file: Path, number: int, line: Sequence[str]) -> tuple[datetime, float]:
    try:
        sample, text = line
        rate = float(text)
        if isfinite(rate) and rate >= 0:
            return _moment(sample.strip()), rate
    except (ValueError, OverflowError):
        pass
    raise ConfigError(
        f"{file}, line {number}: {','.join(line)!r} is not a time and a rate of 0 or more, as in"
        " 60,1500."
    )


def _moment(text: str) -> datetime:
    if text.replace(".", "", 1).isdigit():
        return MONDAY + timedelta(seconds=float(text))
    sample = datetime.fromisoformat(text)
    return sample.astimezone(UTC) if sample.tzinfo else sample.replace(tzinfo=UTC)


def _even(file: Path, points: Sequence[tuple[datetime, float]]) -> list[float]:
    """The rate of each tick, from steps that are all as long as the first."""
    if len(points) < 2:
        raise ConfigError(f"{file}: it has {len(points)} rates and a trace has two or more.")
    step = (points[1][0] - points[0][0]).total_seconds()
    if not 1 <= step <= 300:
        raise ConfigError(
            f"{file}, line 3: {step:g} s after line 2; use equal steps of 1 to 300 s."
        )
    for number, (before, after) in enumerate(pairwise(points), start=3):
        gap = (after[0] - before[0]).total_seconds()
        if gap != step:
            raise ConfigError(
                f"{file}, line {number}: {gap:g} s after the line before and the others are"
                f" {step:g} s apart; a trace has no holes."
            )
    if len(points) * step > LONGEST_S:
        raise ConfigError(f"{file}: it lasts longer than 14 days; cut it.")
    return list(_ticks([rate for _, rate in points], step))


def _ticks(rates: Sequence[float], step: float) -> Iterator[float]:
    """The mean rate within each tick, so that no request of a finer trace is lost."""
    for tick in range(max(1, int(len(rates) * step // TICK_S))):
        first, last = tick * TICK_S / step, (tick + 1) * TICK_S / step
        within = rates[int(first) : max(int(first) + 1, int(-(-last // 1)))]
        yield sum(within) / len(within)
