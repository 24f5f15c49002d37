"""When an alarm is in ALARM, and the capacity that its policy sets. Pure functions over minutes.

Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies" and "Target tracking
scaling policies"; Application Auto Scaling User Guide, the same two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from stackkit.plan.scale_up import TRACKING_IN_MINUTES, TRACKING_OUT_MINUTES

# "usually more than 10% lower" than the target, and what the alarms that AWS makes show
IN_SHARE = 0.9
# metric → its value in each minute, or more often
Minutes = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Tracking:
    """A target tracking policy; `metric` names the series that it follows."""

    metric: str
    target: float
    # values of the metric
    a_minute: int = 1

    def wants_out(self, minutes: Minutes) -> bool:
        recent = minutes[self.metric][-TRACKING_OUT_MINUTES:]
        return len(recent) == TRACKING_OUT_MINUTES and min(recent) > self.target

    def wants_in(self, minutes: Minutes) -> bool:
        looked_at = TRACKING_IN_MINUTES * self.a_minute
        recent = minutes[self.metric][-looked_at:]
        return len(recent) == looked_at and max(recent) < IN_SHARE * self.target

    def proposes(self, capacity: int, minutes: Minutes) -> int:
        """Capacity in proportion to the metric, rounded so that none lacks."""
        # a float's error must not add a task
        return ceil(capacity * minutes[self.metric][-1] / self.target - 1e-9)


@dataclass(frozen=True)
class Step:
    """A step policy: `change` tasks when the last `minutes` are all at or beyond the threshold."""

    name: str
    metric: str
    threshold: float
    minutes: int
    change: int

    def in_alarm(self, minutes: Minutes) -> bool:
        recent = minutes[self.metric][-self.minutes :]
        if len(recent) < self.minutes:
            return False
        return min(recent) >= self.threshold if self.change > 0 else max(recent) <= self.threshold


@dataclass(frozen=True, kw_only=True)
class Policies:
    """`group`: by the rules of EC2 Auto Scaling. Seconds; a group has warm-ups for cooldowns.

    For `leaving_s` an instance that leaves is still in the group's figures.
    """

    group: bool
    tracking: tuple[Tracking, ...] = ()
    steps: tuple[Step, ...] = ()
    tracking_out_s: int
    step_out_s: int
    in_s: int
    leaving_s: int = 0

    @property
    def fast(self) -> bool:
        """One of them looks more often than each minute."""
        return any(one.a_minute > 1 for one in self.tracking)

    def outward(self, minutes: Minutes, counted: int) -> list[tuple[int, str]]:
        """Capacities that policies want, each with its policy's name; any may grow a fleet."""
        tracking = [one for one in self.tracking if one.wants_out(minutes)]
        steps = [one for one in self.steps if one.change > 0 and one.in_alarm(minutes)]
        return [
            *((one.proposes(counted, minutes), one.metric) for one in tracking),
            *((counted + one.change, one.name) for one in steps),
        ]

    def inward(self, minutes: Minutes, counted: int) -> list[tuple[int, str]]:
        """Target tracking shrinks only when each of its policies is ready to."""
        if not all(one.wants_in(minutes) for one in self.tracking):
            return []
        return [(one.proposes(counted, minutes), one.metric) for one in self.tracking]

    def stepping_in(self, minutes: Minutes, desired: int) -> list[tuple[int, str]]:
        """A step inwards asks no other policy."""
        steps = [one for one in self.steps if one.change < 0 and one.in_alarm(minutes)]
        return [(desired + one.change, one.name) for one in steps]
