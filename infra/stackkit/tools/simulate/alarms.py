"""When an alarm is in ALARM, and the capacity that its policy sets. Pure functions over minutes.

Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies" and "Target tracking
scaling policies"; Application Auto Scaling User Guide, the same two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, trunc
from typing import Literal

from stackkit.plan.scale_up import TRACKING_IN_MINUTES, TRACKING_OUT_MINUTES

# "usually more than 10% lower" than the target, and what the alarms that AWS makes show
IN_SHARE = 0.9
# a float's error must not add a task
_TINY = 1e-9
Kind = Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"]


@dataclass(frozen=True)
class Tracking:
    """A target tracking policy; `metric` names the series that it follows."""

    name: str
    metric: str
    target: float

    def wants_out(self, minutes: Sequence[float]) -> bool:
        recent = minutes[-TRACKING_OUT_MINUTES:]
        return len(recent) == TRACKING_OUT_MINUTES and all(point > self.target for point in recent)

    def wants_in(self, minutes: Sequence[float]) -> bool:
        recent = minutes[-TRACKING_IN_MINUTES:]
        enough = len(recent) == TRACKING_IN_MINUTES
        return enough and all(point < IN_SHARE * self.target for point in recent)

    def proposes(self, capacity: int, metric: float) -> int:
        """Capacity in proportion to the metric, rounded so that none lacks."""
        return ceil(capacity * metric / self.target - _TINY)


@dataclass(frozen=True)
class Adjustment:
    """`change` for a breach between the bounds, counted from the threshold; None is infinite."""

    lower: float | None
    upper: float | None
    change: float


@dataclass(frozen=True)
class Step:
    """A step policy with its alarm: `minutes` of as many at or beyond the threshold."""

    name: str
    metric: str
    threshold: float
    minutes: int
    out: bool
    adjustments: tuple[Adjustment, ...]
    kind: Kind = "ChangeInCapacity"

    def in_alarm(self, minutes: Sequence[float]) -> bool:
        recent = minutes[-self.minutes :]
        beyond = (self._beyond(point) for point in recent)
        return len(recent) == self.minutes and all(beyond)

    def _beyond(self, point: float) -> bool:
        return point >= self.threshold if self.out else point <= self.threshold

    def proposes(self, capacity: int, metric: float) -> int:
        change = next(
            (one.change for one in self.adjustments if self._holds(one, metric - self.threshold)),
            0.0,
        )
        if self.kind == "ExactCapacity":
            return int(change)
        return capacity + (
            int(change) if self.kind == "ChangeInCapacity" else _percent(capacity, change)
        )

    def _holds(self, one: Adjustment, breach: float) -> bool:
        """Above the threshold the lower bound is inclusive, below it the upper one."""
        lower = float("-inf") if one.lower is None else one.lower
        upper = float("inf") if one.upper is None else one.upper
        return lower <= breach < upper if self.out else lower < breach <= upper


def _percent(capacity: int, percent: float) -> int:
    """Rounded towards zero, but never to nothing."""
    change = capacity * percent / 100
    if 0 < abs(change) < 1:
        return 1 if change > 0 else -1
    return trunc(change + (_TINY if change > 0 else -_TINY))


def largest(proposals: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """The result of several policies: the largest of their capacities."""
    return max(proposals, key=lambda one: one[1])
