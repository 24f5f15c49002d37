"""What is promised under each fault, and what was seen."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from verification.faults.system import System

T = TypeVar("T")
_LATE = 0.01  # seconds
_BUSY = " (the load itself was late)"


@dataclass(frozen=True)
class Check:
    what: str
    observed: str
    bound: str
    good: bool
    timed: bool = False  # another process of the machine may have cost it


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large a row runs: as the table promises, or shortly, as a test."""

    full: bool
    seed: int
    minutes: float = 10.0

    def random(self) -> Random:
        return Random(self.seed)

    def pick(self, full: T, short: T) -> T:
        return full if self.full else short


@dataclass(frozen=True)
class Sight:
    """What a row saw, and the size at which it ran."""

    size: str
    checks: Sequence[Check]
    late: float = 0.0  # seconds by which the load itself was late, as `Outcome.lateness`

    @property
    def busy(self) -> bool:
        """Whether the machine kept the load itself waiting, so that no latency tells of the
        service."""
        return self.late > _LATE


class NotRun(Exception):
    """What this machine lacks for a row, in one sentence."""


@dataclass(frozen=True)
class Row:
    number: int
    fault: str
    run: Callable[[System, Scale], Awaitable[Sight]]


def at_most(what: str, observed: float, bound: float, unit: str = "") -> Check:
    shown = f"{_figure(observed)}{unit}"
    return Check(what, shown, f"≤ {_figure(bound)}{unit}", observed <= bound)


def at_least(what: str, observed: float, bound: float, unit: str = "") -> Check:
    shown = f"{_figure(observed)}{unit}"
    return Check(what, shown, f"≥ {_figure(bound)}{unit}", observed >= bound)


def none(what: str, observed: object) -> Check:
    """`observed` is a count, or a collection of what must not be there."""
    shown = "0" if not observed else str(observed)
    return Check(what, shown, "0", not observed)


def within(what: str, seconds: float, bound: float) -> Check:
    """A latency."""
    return replace(at_most(what, seconds * 1000, bound * 1000, " ms"), timed=True)


def lines(row: Row, sight: Sight) -> Iterable[str]:
    for number, check in enumerate(sight.checks):
        first = (str(row.number), row.fault, sight.size) if number == 0 else ("", "", "")
        verdict = "ok" if check.good else "BREACH" + (_BUSY if check.timed and sight.busy else "")
        yield _line(*first, check.what, check.observed, check.bound, verdict)


def not_run(row: Row, why: str) -> str:
    return _line(str(row.number), row.fault, "not run", why, "", "", "NOT SHOWN")


def heading() -> str:
    return _line("#", "fault", "size", "what", "observed", "must hold", "")


def _line(number: str, fault: str, size: str, *rest: str) -> str:
    what, observed, bound, verdict = rest
    return (
        f"{number:>2}  {fault:<34} {size:<40} {what:<46} {observed:>16}  {bound:<16} {verdict}"
    ).rstrip()


def _figure(value: float) -> str:
    if value == float("inf"):
        return "∞"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
