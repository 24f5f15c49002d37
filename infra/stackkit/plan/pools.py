from dataclasses import dataclass

from stackkit.plan.classes import database_memory
from stackkit.plan.derived_value import DerivedValue, ceil_div
from stackkit.plan.fleet import FleetSize
from stackkit.plan.inputs import Inputs, Task
from stackkit.plan.network import nat_ports
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


def max_connections(memory: int) -> int:
    """RDS for PostgreSQL's default: LEAST({DBInstanceClassMemory/9531392}, 5000)."""
    return min(memory // 9531392, 5000)


def usable_connections(memory: int) -> int:
    """What can be counted on: DBInstanceClassMemory is the memory less what RDS itself needs."""
    return max_connections(memory) * 93 // 100 - RESERVED_CONNECTIONS


def deploying_workers(task: Task, fleet: FleetSize) -> int:
    """Workers that are connected at once while a new version starts beside the old one."""
    return fleet.maximum.value * ROLLING_FACTOR * task.workers


def pools(inputs: Inputs, fleet: FleetSize) -> Pools:
    usable = usable_connections(database_memory(inputs.data.database_class))
    workers = deploying_workers(inputs.task, fleet)
    crowd = (
        f"{workers:,} workers ({fleet.maximum.value} tasks x {inputs.task.workers},"
        f" x {ROLLING_FACTOR} in a deployment)"
    )
    return Pools(
        database=_database(inputs, usable, workers, crowd),
        cache=DerivedValue(
            CACHE_POOL, "connections/worker", "commands are pipelined: more connections are slower"
        ),
        upstream=_upstream(inputs, workers, crowd),
        database_connections=DerivedValue(
            usable,
            "connections",
            f"0.93 x LEAST(memory / 9531392, 5000) of {inputs.data.database_class} less"
            f" {RESERVED_CONNECTIONS} reserved",
        ),
    )


def _database(inputs: Inputs, usable: int, workers: int, crowd: str) -> DerivedValue:
    share = usable // workers
    if share < SMALLEST_POOL:
        raise ConfigError(
            f"database_class: {inputs.data.database_class} has {usable} connections for {crowd} and"
            f" each needs {SMALLEST_POOL}; choose a larger class, tasks that sustain more, or"
            " lower peak_in_flight."
        )
    return DerivedValue(
        min(share, LARGEST_POOL),
        "connections/worker",
        f"{usable:,} / {crowd}, at most {LARGEST_POOL}",
    )


def _upstream(inputs: Inputs, workers: int, crowd: str) -> DerivedValue:
    share = nat_ports(inputs) // workers
    in_flight = ceil_div(inputs.task.capacity.in_flight, inputs.task.workers)
    return DerivedValue(
        max(1, min(share, in_flight)),
        "connections/worker",
        f"{nat_ports(inputs):,} NAT ports / {crowd}, at most one for each request",
    )
