"""What the policies make of a fleet's size, by the rules of either Auto Scaling service.

Application Auto Scaling (ECS) counts from what there was before a scale-out until that one's
cooldown ends. EC2 Auto Scaling counts instances only when they have warmed up, shrinks nothing
while one hasn't, and still counts those that leave when it shrinks further. Both only grow for what
is larger, and take the largest of several answers.
"""

from dataclasses import dataclass, replace
from math import inf

from stackkit.tools.simulate.policies import Minutes, Policies
from stackkit.tools.simulate.tasks import later


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
class Resizing:
    at: int
    before: int
    after: int
    why: str

    @property
    def grows(self) -> bool:
        return self.after > self.before


def capacity(size: Size, policies: Policies, now: int) -> int:
    """What the policies count from."""
    if policies.group:
        return size.desired - sum(count for at, count in size.warming if at > now)
    return size.counted if now < size.held_until else size.desired


def settled(size: Size, policies: Policies, now: int, all_serve: bool) -> Size:
    """A service's cooldown begins when what was asked for runs."""
    if policies.group:
        return replace(size, warming=later(size.warming, now), leaving=later(size.leaving, now))
    if all_serve and size.held_until == inf:
        return replace(size, held_until=now + size.cooldown_s)
    return size


def decided(
    size: Size, policies: Policies, minutes: Minutes, now: int, whole_minute: bool = True
) -> tuple[Size, Resizing | None]:
    """The size after one minute's alarms, and what changed it; fleets only grow within one."""
    counted = capacity(size, policies, now)
    out = max(policies.outward(minutes, counted), default=(0, ""), key=lambda one: one[0])
    if out[0] > size.desired:
        return _grown(size, policies, min(out[0], size.maximum), out[1], now)
    if not whole_minute or now < size.in_until or (policies.group and size.warming):
        return size, None
    inward = policies.stepping_in(minutes, size.desired)
    if not any(one.wants_out(minutes) for one in policies.tracking):
        leaving = sum(count for _, count in size.leaving)
        inward = policies.inward(minutes, size.desired + leaving) + inward
    if not inward:
        return size, None
    new, name = max(inward, key=lambda one: one[0])
    return _shrunk(size, policies, max(new, size.minimum), name, now)


def _grown(
    size: Size, policies: Policies, after: int, name: str, now: int
) -> tuple[Size, Resizing | None]:
    if after <= size.desired:
        return size, None
    by_step = any(step.name == name for step in policies.steps)
    pause = policies.step_out_s if by_step else policies.tracking_out_s
    if policies.group:
        warming = (*size.warming, (now + pause, after - size.desired))
        larger = replace(size, desired=after, warming=warming)
    else:
        larger = replace(
            size,
            desired=after,
            in_until=0,
            counted=capacity(size, policies, now),
            cooldown_s=pause,
            held_until=inf,
        )
    return larger, Resizing(now, size.desired, after, name)


def _shrunk(
    size: Size, policies: Policies, after: int, name: str, now: int
) -> tuple[Size, Resizing | None]:
    if after >= size.desired:
        return size, None
    smaller = replace(size, desired=after, in_until=now + policies.in_s, held_until=0)
    if policies.group:
        left = (now + policies.leaving_s, size.desired - after)
        smaller = replace(smaller, leaving=(*size.leaving, left))
    return smaller, Resizing(now, size.desired, after, name)


def rebounded(size: Size, minimum: int, maximum: int, now: int) -> tuple[Size, Resizing | None]:
    """A scheduled action moves the bounds, and the size into them despite any cooldown."""
    after = min(max(size.desired, minimum), maximum)
    moved = replace(size, minimum=minimum, maximum=maximum, desired=after, held_until=0)
    return moved, Resizing(now, size.desired, after, "schedule") if after != size.desired else None
