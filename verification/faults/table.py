"""What is promised under each fault, and what was observed."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from verification.faults.system import System

T = TypeVar("T")
_LATE = 0.01  # seconds
_BUSY = " (the load itself was late)"


@dataclass(frozen=True)
class FaultCheck:
    what: str
    observed: str
    promised: str
    good: bool
    timed: bool = False  # a duration or a rate, which other programs of the machine change


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large a fault test runs: as promised, or short."""

    full: bool
    seed: int
    minutes: float = 10.0

    def random(self) -> Random:
        return Random(self.seed)

    def pick(self, full: T, short: T) -> T:
        return full if self.full else short


@dataclass(frozen=True)
class Observation:
    """Of a fault test, with the size at which it ran."""

    size: str
    checks: Sequence[FaultCheck]
    late: float = 0.0  # seconds by which the generator itself was late

    @property
    def busy(self) -> bool:
        """True if the generator was late, so the latencies describe the machine."""
        return self.late > _LATE


class NotRun(Exception):
    """One sentence: what this machine lacks for a fault test."""


@dataclass(frozen=True)
class FaultTest:
    number: int
    fault: str
    run: Callable[[System, Scale], Awaitable[Observation]]


def at_most(what: str, observed: float, bound: float, unit: str = "") -> FaultCheck:
    """With a unit of time it is `timed`."""
    shown, timed = f"{_figure(observed)}{unit}", unit.endswith("s")
    return FaultCheck(what, shown, f"≤ {_figure(bound)}{unit}", observed <= bound, timed)


def at_least(what: str, observed: float, bound: float, unit: str = "") -> FaultCheck:
    shown = f"{_figure(observed)}{unit}"
    return FaultCheck(what, shown, f"≥ {_figure(bound)}{unit}", observed >= bound)


def none(what: str, observed: object) -> FaultCheck:
    """`observed` is a count, or a collection of what must not be there."""
    shown = "0" if not observed else str(observed)
    return FaultCheck(what, shown, "0", not observed)


def within(what: str, seconds: float, bound: float) -> FaultCheck:
    """A latency."""
    return at_most(what, seconds * 1000, bound * 1000, " ms")


def lines(test: FaultTest, observation: Observation) -> Iterable[str]:
    for number, check in enumerate(observation.checks):
        first = (str(test.number), test.fault, observation.size) if number == 0 else ("", "", "")
        verdict = (
            "ok" if check.good else "BREACH" + (_BUSY if check.timed and observation.busy else "")
        )
        yield _line(*first, check.what, check.observed, check.promised, verdict)


def not_run(test: FaultTest, why: str) -> str:
    return _line(str(test.number), test.fault, "not run", why, "", "", "NOT SHOWN")


def heading() -> str:
    return _line("#", "fault", "size", "what", "observed", "promised", "")


def _line(number: str, fault: str, size: str, *rest: str) -> str:
    what, observed, promised, verdict = rest
    return (
        f"{number:>2}  {fault:<34} {size:<40} {what:<46} {observed:>16}  {promised:<16} {verdict}"
    ).rstrip()


def _figure(value: float) -> str:
    if value == float("inf"):
        return "∞"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
