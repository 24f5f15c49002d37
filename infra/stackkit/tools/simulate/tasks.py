"""Tasks or instances between being asked for and serving. Pure: each change is a new value."""

from dataclasses import dataclass, replace

from stackkit.plan.scale_up import INSTANCE_START_S, WARM_START_S


@dataclass(frozen=True)
class Starts:
    """How long a start takes, how many may begin in a tick, and how many wait warm."""

    seconds: int
    per_tick: float = float("inf")
    warm_pool: int = 0


@dataclass(frozen=True)
class Tasks:
    """`starting` and `refilling` have the second at which each batch is ready, oldest first."""

    serving: int
    queued: int = 0
    starting: tuple[tuple[int, int], ...] = ()
    warm: int = 0
    refilling: tuple[tuple[int, int], ...] = ()

    @property
    def total(self) -> int:
        return self.serving + self.queued + sum(count for _, count in self.starting)

    @property
    def settled(self) -> bool:
        return not self.queued and not self.starting


def resized(tasks: Tasks, desired: int) -> Tasks:
    """Asks for more, or gives up first what doesn't serve yet, the newest first."""
    surplus = tasks.total - desired
    if surplus <= 0:
        return replace(tasks, queued=tasks.queued - surplus)
    unqueued = min(surplus, tasks.queued)
    surplus -= unqueued
    kept: list[tuple[int, int]] = []
    for ready, count in reversed(tasks.starting):
        gone = min(surplus, count)
        surplus -= gone
        if count > gone:
            kept.append((ready, count - gone))
    return replace(
        tasks,
        queued=tasks.queued - unqueued,
        starting=tuple(reversed(kept)),
        serving=tasks.serving - surplus,
    )


def advanced(tasks: Tasks, now: int, starts: Starts) -> Tasks:
    """Serves what is ready and begins what is queued."""
    ready = sum(count for at, count in tasks.starting if at <= now)
    back = sum(count for at, count in tasks.refilling if at <= now)
    begun = int(min(tasks.queued, starts.per_tick))
    warm = min(begun, tasks.warm + back)
    batches = ((now + WARM_START_S, warm), (now + starts.seconds, begun - warm))
    return Tasks(
        serving=tasks.serving + ready,
        queued=tasks.queued - begun,
        starting=later(tasks.starting, now) + tuple(one for one in batches if one[1]),
        warm=tasks.warm + back - warm,
        refilling=later(tasks.refilling, now) + (((now + INSTANCE_START_S, warm),) if warm else ()),
    )


def later(batches: tuple[tuple[int, int], ...], now: int) -> tuple[tuple[int, int], ...]:
    return tuple(one for one in batches if one[0] > now)
