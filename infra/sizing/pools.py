from dataclasses import dataclass

from refusal import Refusal
from sizing.classes import database_memory
from sizing.fleet import Fleet
from sizing.inputs import Data, Task
from sizing.number import Number

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
    database: Number
    cache: Number
    database_connections: Number


def max_connections(memory: int) -> int:
    """RDS for PostgreSQL's default: LEAST({DBInstanceClassMemory/9531392}, 5000)."""
    return min(memory // 9531392, 5000)


def usable_connections(memory: int) -> int:
    """What can be counted on: DBInstanceClassMemory is the memory less what RDS itself needs."""
    return max_connections(memory) * 93 // 100 - RESERVED_CONNECTIONS


def pools(data: Data, task: Task, fleet: Fleet) -> Pools:
    usable = usable_connections(database_memory(data.database_class))
    workers = fleet.maximum.value * ROLLING_FACTOR * task.workers
    share = usable // workers
    if share < SMALLEST_POOL:
        raise Refusal(
            f"database_class: {data.database_class} has {usable} connections for {workers} workers"
            f" ({fleet.maximum.value} tasks x {task.workers}, twice during a deployment) and each"
            f" needs {SMALLEST_POOL}; choose a larger class, fewer and larger tasks, or lower"
            " peak_in_flight."
        )
    return Pools(
        database=Number(
            min(share, LARGEST_POOL),
            "connections/worker",
            f"{usable} / ({fleet.maximum.value} tasks x {ROLLING_FACTOR} in a deployment x"
            f" {task.workers} workers), at most {LARGEST_POOL}",
        ),
        cache=Number(
            CACHE_POOL, "connections/worker", "commands are pipelined: more connections are slower"
        ),
        database_connections=Number(
            usable,
            "connections",
            f"0.93 x LEAST(memory / 9531392, 5000) of {data.database_class} less"
            f" {RESERVED_CONNECTIONS} reserved",
        ),
    )
