"""The limits that a growing load reaches first, and the load at which each is reached."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stackkit.plan.capacity import TaskCapacity
from stackkit.plan.fleet import FleetSize, busy_tasks, size
from stackkit.plan.plan import Plan
from stackkit.plan.pools import SMALLEST_POOL, deploying_workers, usable_connections
from stackkit.plan.quotas import limits
from stackkit.settings.config import Config

# the search ends here: Config allows no larger peak
LARGEST_LOAD = 10_000_000


@dataclass(frozen=True)
class Bottleneck:
    """`in_flight` is the smallest load above the limit; `ask` marks what AWS raises on request."""

    subject: str
    in_flight: int
    limit: str
    remedy: str
    ask: bool = False


def bottlenecks(plan: Plan) -> tuple[Bottleneck, ...]:
    """Every limit with the load that exceeds it, the lowest load first."""
    config, capacity = plan.config, plan.capacity
    found = [
        *_capacity(config, capacity, plan.fleet),
        *_quotas(config, capacity),
        *_connections(config, capacity),
    ]
    return tuple(sorted(found, key=lambda one: one.in_flight))


def first(found: tuple[Bottleneck, ...]) -> Bottleneck:
    """The lowest limit that is not a quota which AWS raises on request."""
    return next(one for one in found if not one.ask)


def _capacity(config: Config, capacity: TaskCapacity, fleet: FleetSize) -> Iterator[Bottleneck]:
    most = fleet.maximum.value
    counts = {"tasks of the fleet": most}
    if config.production:
        counts["tasks with a zone lost"] = most * (config.zones - 1) // config.zones
    for subject, tasks in counts.items():
        yield Bottleneck(
            subject,
            int(tasks / busy_tasks(1, config, capacity)) + 1,
            f"{tasks:,} full tasks",
            "raise peak_in_flight: the plan grows with it",
        )


def _quotas(config: Config, capacity: TaskCapacity) -> Iterator[Bottleneck]:
    """As if the fleet grew with the load."""
    for index, check in enumerate(limits(*_grown(config, capacity, 1))):

        def short(load: int, index: int = index) -> bool:
            return limits(*_grown(config, capacity, load))[index].short

        if short(LARGEST_LOAD):
            load = _smallest(short)
            remedy = "have AWS raise the quota" if check.ask else check.remedy
            yield Bottleneck(check.subject, load, f"{check.limit:,}", remedy, check.ask)


def _connections(config: Config, capacity: TaskCapacity) -> Iterator[Bottleneck]:
    usable = usable_connections(config.database_memory)

    def short(load: int) -> bool:
        grown, fleet = _grown(config, capacity, load)
        return deploying_workers(grown, fleet) * SMALLEST_POOL > usable

    if short(LARGEST_LOAD):
        yield Bottleneck(
            "database connections",
            _smallest(short),
            f"{usable:,}, {SMALLEST_POOL} a worker",
            "choose a larger database_class, tasks that sustain more, or lower peak_in_flight",
        )


def _grown(config: Config, capacity: TaskCapacity, load: int) -> tuple[Config, FleetSize]:
    grown = replace(config, peak_in_flight=load, base_in_flight=1, fleet_min=0, fleet_max=0)
    return grown, size(grown, capacity)


def _smallest(short: Callable[[int], bool]) -> int:
    """The smallest load that is short: more load never needs fewer tasks."""
    return bisect_left(range(LARGEST_LOAD), True, lo=1, key=short)
