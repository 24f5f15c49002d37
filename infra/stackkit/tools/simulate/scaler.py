"""What the policies make of a fleet's size, by the rules of either Auto Scaling service.

Application Auto Scaling (ECS) counts from what there was before a scale-out until that one's
cooldown ends. EC2 Auto Scaling counts instances only when they have warmed up, shrinks nothing
while one hasn't, and still counts those that leave when it shrinks further. Both only grow for what
is larger, and take the largest of several answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stackkit.tools.simulate.alarms import Step, Tracking, largest

Series = Mapping[str, Sequence[float]]


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


@dataclass(frozen=True)
class Size:
    """A fleet's size and what its next change counts from.

    Until `held_until` (infinite while tasks still start) capacity counts as `counted`; scale-in
    rests until `in_until`. `warming` has when instances of a group begin to count, and `leaving`
    when they cease to, and how many.
    """

    desired: int
    minimum: int
    maximum: int
    counted: int = 0
    cooldown_s: int = 0
    held_until: float = 0
    in_until: float = 0
    warming: tuple[tuple[int, int], ...] = ()
    leaving: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Change:
    at: int
    before: int
    after: int
    why: str


def capacity(size: Size, policies: Policies, now: int) -> int:
    """What the policies count from."""
    if policies.group:
        return size.desired - sum(count for at, count in size.warming if at > now)
    return size.counted if now < size.held_until else size.desired


def settled(size: Size, policies: Policies, now: int, all_serve: bool) -> Size:
    """A service's cooldown begins when what was asked for runs."""
    if policies.group:
        warming = tuple(one for one in size.warming if one[0] > now)
        return replace(
            size, warming=warming, leaving=tuple(one for one in size.leaving if one[0] > now)
        )
    if all_serve and size.held_until == float("inf"):
        return replace(size, held_until=now + size.cooldown_s)
    return size


def decided(size: Size, policies: Policies, series: Series, now: int) -> tuple[Size, Change | None]:
    """The size after one minute's alarms, and what changed it."""
    counted = capacity(size, policies, now)
    out = [(name, new) for name, new in _outward(policies, series, counted) if new > size.desired]
    if out:
        return _grown(size, policies, largest(out), now)
    if _grows(policies, series) or now < size.in_until or (policies.group and size.warming):
        inward = []
    else:
        leaving = sum(count for _, count in size.leaving)
        inward = list(_inward(policies, series, size.desired + leaving))
    inward += _stepping_in(size, policies, series, now)
    if not inward:
        return size, None
    return _shrunk(size, policies, largest(inward), now)


def _outward(policies: Policies, series: Series, counted: int) -> Iterator[tuple[str, int]]:
    for one in policies.tracking:
        if one.wants_out(series[one.metric]):
            yield one.name, one.proposes(counted, series[one.metric][-1])
    for step in policies.steps:
        if step.out and step.in_alarm(series[step.metric]):
            yield step.name, step.proposes(counted, series[step.metric][-1])


def _grows(policies: Policies, series: Series) -> bool:
    return any(one.wants_out(series[one.metric]) for one in policies.tracking)


def _inward(policies: Policies, series: Series, counted: int) -> Iterator[tuple[str, int]]:
    """Target tracking shrinks only when each of its policies is ready to."""
    ready = [one for one in policies.tracking if one.wants_in(series[one.metric])]
    if ready and len(ready) == len(policies.tracking):
        for one in ready:
            yield one.name, one.proposes(counted, series[one.metric][-1])


def _stepping_in(size: Size, policies: Policies, series: Series, now: int) -> list[tuple[str, int]]:
    """A step inwards asks no other policy; it waits for its own pause, and a group's warm-ups."""
    if now < size.in_until or (policies.group and size.warming):
        return []
    return [
        (step.name, step.proposes(size.desired, series[step.metric][-1]))
        for step in policies.steps
        if not step.out and step.in_alarm(series[step.metric])
    ]


def _grown(
    size: Size, policies: Policies, asked: tuple[str, int], now: int
) -> tuple[Size, Change | None]:
    name, new = asked
    after = min(new, size.maximum)
    if after <= size.desired:
        return size, None
    by_step = any(step.name == name for step in policies.steps)
    pause = policies.step_out_s if by_step else policies.tracking_out_s
    larger = replace(size, desired=after, in_until=0 if not policies.group else size.in_until)
    if policies.group:
        larger = replace(larger, warming=(*size.warming, (now + pause, after - size.desired)))
    else:
        larger = replace(
            larger,
            counted=capacity(size, policies, now),
            cooldown_s=pause,
            held_until=float("inf"),
        )
    return larger, Change(now, size.desired, after, name)


def _shrunk(
    size: Size, policies: Policies, asked: tuple[str, int], now: int
) -> tuple[Size, Change | None]:
    name, new = asked
    after = max(new, size.minimum)
    if after >= size.desired:
        return size, None
    smaller = replace(size, desired=after, in_until=now + policies.in_s, held_until=0)
    if policies.group:
        left = (now + policies.leaving_s, size.desired - after)
        smaller = replace(smaller, leaving=(*size.leaving, left))
    return smaller, Change(now, size.desired, after, name)


def rebounded(size: Size, minimum: int, maximum: int, now: int) -> tuple[Size, Change | None]:
    """A scheduled action moves the bounds, and the size into them despite any cooldown."""
    after = min(max(size.desired, minimum), maximum)
    moved = replace(size, minimum=minimum, maximum=maximum, desired=after, held_until=0)
    return moved, Change(now, size.desired, after, "schedule") if after != size.desired else None
