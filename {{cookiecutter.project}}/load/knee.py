"""The highest rate that meets an objective."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from load.step import Step


class TooSlow(Exception):
    """Carries one sentence."""


@dataclass(frozen=True, kw_only=True)
class Knee:
    """`found` has the best step of each search, `steps` all that were taken."""

    found: tuple[Step, ...]
    steps: tuple[Step, ...]

    def middle(self, figure: str) -> float:
        return median(self.all(figure))

    def all(self, figure: str) -> list[float]:
        return [getattr(step, figure) for step in self.found]

    def spread(self, figure: str) -> float:
        """From the lowest to the highest, as a part of the median."""
        return (max(self.all(figure)) - min(self.all(figure))) / self.middle(figure)


def find(
    take: Callable[[float], Step],
    good: Callable[[Step], bool],
    *,
    start: float,
    most: float,
    repeats: int,
    halvings: int,
) -> Knee:
    """Doubles the rate from `start` until it is too much, twice in turn, then halves the gap,
    `repeats` times from the same bounds."""
    steps: list[Step] = []

    def fine(rate: float) -> Step | None:
        steps.append(take(rate))
        return steps[-1] if good(steps[-1]) else None

    best = fine(start) or fine(start)
    if best is None:
        raise TooSlow(f"Even {start:,.0f} requests/s are too many: {_why(steps[-1])}.")
    while best.rate * 2 <= most and (better := fine(best.rate * 2) or fine(best.rate * 2)):
        best = better
    if best.rate * 2 > most:  # and no limit was found
        found = [best, *(fine(best.rate) or best for _ in range(repeats - 1))]
    else:
        found = [_narrowed(best, fine, halvings) for _ in range(repeats)]
    return Knee(found=tuple(found), steps=tuple(steps))


def _narrowed(best: Step, fine: Callable[[float], Step | None], halvings: int) -> Step:
    gap = best.rate
    for _ in range(halvings):
        gap /= 2
        best = fine(best.rate + gap) or best
    return best


def _why(step: Step) -> str:
    return (
        f"p99 is {step.p99 * 1000:,.0f} ms, {step.errors} of {step.requests} failed, the generator"
        f" itself was {step.late * 1000:,.0f} ms late"
    )
