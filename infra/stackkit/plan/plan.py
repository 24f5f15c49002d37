"""One set of numbers: the workload goes in, every number that depends on it comes out.

Pure functions over frozen dataclasses; each family of numbers has a module beside this one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

from stackkit.plan.capacity import Measurement, TaskCapacity, task_capacity
from stackkit.plan.derived_value import DerivedValue, LimitCheck
from stackkit.plan.fleet import FleetSize, size
from stackkit.plan.network import Subnets, subnets
from stackkit.plan.pools import Pools, pools
from stackkit.plan.quotas import checks
from stackkit.plan.scale_up import ScaleUpTime, scale_up_time
from stackkit.plan.server import Server, server
from stackkit.plan.thresholds import Steps, Thresholds, steps, thresholds
from stackkit.plan.timeouts import Timeouts, timeouts
from stackkit.settings import conflicts
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    config: Config
    capacity: TaskCapacity
    fleet: FleetSize
    scaling: Thresholds
    step: Steps | None
    pace: ScaleUpTime
    server: Server
    pools: Pools
    timeouts: Timeouts
    # None in a VPC that exists
    subnets: Subnets | None
    checks: tuple[LimitCheck, ...]


def derive(config: Config, measured: Measurement | None = None) -> Plan:
    """Derive and check every number.

    Raises ConfigError with a line for each that doesn't add up, and for each contradiction of keys.
    """
    capacity = task_capacity(config, measured)
    if problems := _problems(config, capacity):
        found = [*problems, *conflicts.contradictions(config)]
        raise ConfigError("\n".join(dict.fromkeys(found)))
    fleet = size(config, capacity)
    shares = pools(config, capacity, fleet)
    return Plan(
        config=config,
        capacity=capacity,
        fleet=fleet,
        scaling=thresholds(config, capacity, fleet),
        step=steps(config, capacity, fleet),
        pace=scale_up_time(config, fleet),
        server=server(config, capacity, shares),
        pools=shares,
        timeouts=timeouts(config.request_timeout_s),
        subnets=None if config.vpc_id else subnets(config.vpc_cidr),
        checks=checks(config, fleet),
    )


def _problems(config: Config, capacity: TaskCapacity) -> list[str]:
    """A line for each part that can't be derived; most parts need a fleet."""
    found = _refusals(lambda: size(config, capacity), lambda: timeouts(config.request_timeout_s))
    if not _refusals(lambda: size(config, capacity)):
        fleet = size(config, capacity)
        found += _refusals(
            lambda: thresholds(config, capacity, fleet),
            lambda: steps(config, capacity, fleet),
            lambda: server(config, capacity, pools(config, capacity, fleet)),
            lambda: checks(config, fleet),
        )
    return found


def _refusals(*parts: Callable[[], object]) -> list[str]:
    found = []
    for part in parts:
        try:
            part()
        except ConfigError as refusal:
            found.extend(str(refusal).splitlines())
    return found


def numbers(plan: Plan) -> Iterator[tuple[str, DerivedValue]]:
    """Each derived number under its name, such as `fleet.maximum`."""
    for group in ("fleet", "scaling", "step", "pace", "server", "pools", "timeouts", "subnets"):
        part = getattr(plan, group)
        for entry in fields(part) if part else ():
            value = getattr(part, entry.name)
            if isinstance(value, DerivedValue):
                yield f"{group}.{entry.name}", value


def outputs(plan: Plan) -> Mapping[str, int]:
    """What the stack shows of the plan."""
    return {name: number.value for name, number in numbers(plan)}


def environment(plan: Plan) -> Mapping[str, str]:
    """The plan's numbers as the variables that the service and Granian read."""
    variables = {
        "WEB_CONCURRENCY": plan.server.workers.value,
        "MAX_IN_FLIGHT": plan.server.max_in_flight.value,
        "GRANIAN_BACKLOG": plan.server.backlog.value,
        "GRANIAN_BACKPRESSURE": plan.server.backpressure.value,
        "DRAIN_TIME": plan.timeouts.drain.value,
        "GRANIAN_WORKERS_KILL_TIMEOUT": plan.timeouts.workers_kill.value,
        # milliseconds
        "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": plan.timeouts.keep_alive.value * 1000,
        "DB_POOL_SIZE": plan.pools.database.value,
        "DB_ACQUIRE_TIMEOUT": plan.timeouts.database_acquire.value,
        "DB_COMMAND_TIMEOUT": plan.timeouts.database_command.value,
        "DB_CONNECTION_LIFETIME": plan.timeouts.connection_lifetime.value,
        "REDIS_POOL_SIZE": plan.pools.cache.value,
        "UPSTREAM_CONNECTIONS": plan.pools.upstream.value,
        "UPSTREAM_TIMEOUT": plan.timeouts.upstream.value,
        "REQUEST_TIMEOUT": plan.timeouts.request.value,
    }
    return {name: str(value) for name, value in variables.items()}
