from dataclasses import dataclass

from stackkit.plan.capacity import TaskCapacity
from stackkit.plan.derived_value import DerivedValue, ceil_div
from stackkit.plan.fleet import FleetSize
from stackkit.plan.network import nat_ports
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError

# superuser, monitoring, migrations and people
RESERVED_CONNECTIONS = 20
# a new version starts beside the old one
ROLLING_FACTOR = 2
# beyond this a worker queues on its own event loop, not on the database
LARGEST_POOL = 20
SMALLEST_POOL = 2
CACHE_POOL = 8
# one more connection per worker listens for invalidations
CACHE_SUBSCRIPTIONS = 1


@dataclass(frozen=True)
class Pools:
    database: DerivedValue
    cache: DerivedValue
    upstream: DerivedValue
    database_connections: DerivedValue


def usable_connections(memory: int) -> int:
    """What RDS's default allows, LEAST({DBInstanceClassMemory/9531392}, 5000), less a reserve.

    DBInstanceClassMemory is the memory less what RDS itself needs.
    """
    return min(memory // 9531392, 5000) * 93 // 100 - RESERVED_CONNECTIONS


def deploying_workers(config: Config, fleet: FleetSize) -> int:
    """Workers that are connected at once while a new version starts beside the old one."""
    return fleet.maximum.value * ROLLING_FACTOR * config.workers


def pools(config: Config, capacity: TaskCapacity, fleet: FleetSize) -> Pools:
    usable = usable_connections(config.database_memory)
    workers = deploying_workers(config, fleet)
    workers_text = (
        f"{workers:,} workers ({fleet.maximum.value} tasks x {config.workers},"
        f" x {ROLLING_FACTOR} in a deployment)"
    )
    return Pools(
        database=_database(config, usable, workers, workers_text),
        cache=DerivedValue(
            CACHE_POOL, "connections/worker", "commands are pipelined: more connections are slower"
        ),
        upstream=_upstream(config, capacity, workers, workers_text),
        database_connections=DerivedValue(
            usable,
            "connections",
            f"0.93 x LEAST(memory / 9531392, 5000) of {config.counted_database_class} less"
            f" {RESERVED_CONNECTIONS} reserved",
        ),
    )


def _database(config: Config, usable: int, workers: int, workers_text: str) -> DerivedValue:
    share = usable // workers
    if share < SMALLEST_POOL:
        name = config.counted_database_class
        raise ConfigError(
            f"database_class: {name} has {usable} connections for {workers_text}"
            f" and each needs {SMALLEST_POOL}; choose a larger class, tasks that sustain more, or"
            " lower peak_in_flight."
        )
    return DerivedValue(
        min(share, LARGEST_POOL),
        "connections/worker",
        f"{usable:,} / {workers_text}, at most {LARGEST_POOL}",
    )


def _upstream(
    config: Config, capacity: TaskCapacity, workers: int, workers_text: str
) -> DerivedValue:
    share = nat_ports(config) // workers
    in_flight = ceil_div(capacity.in_flight, config.workers)
    return DerivedValue(
        max(1, min(share, in_flight)),
        "connections/worker",
        f"{nat_ports(config):,} NAT ports / {workers_text}, at most one for each request",
    )
