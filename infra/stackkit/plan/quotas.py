from stackkit.plan.derived_value import LimitCheck, ceil_div
from stackkit.plan.fleet import FleetSize
from stackkit.plan.network import NAT_PORTS, nat_ports, subnets
from stackkit.plan.pools import CACHE_POOL, CACHE_SUBSCRIPTIONS, ROLLING_FACTOR
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError

# AWS service quotas: fixed, or the values of a new account, which AWS raises on request
TASKS_PER_SERVICE = 5000
FARGATE_VCPU = 6
EC2_VCPU = 5
CACHE_CLIENTS = 65000
CACHE_CLIENTS_SMALL = 20000
RESERVED_ADDRESSES = 5
# interface endpoints and the NAT gateways' own, with room to spare
OTHER_ADDRESSES = 16


def checks(config: Config, fleet: FleetSize) -> tuple[LimitCheck, ...]:
    """The limits of AWS; ConfigError has a line for each that the fleet doesn't meet."""
    found = limits(config, fleet)
    missed = [f"{one.problem}; {one.remedy}." for one in found if one.short and not one.ask]
    if missed:
        raise ConfigError("\n".join(missed))
    return found


def limits(config: Config, fleet: FleetSize) -> tuple[LimitCheck, ...]:
    """Every limit of AWS that the fleet meets, or not, while a deployment doubles it."""
    deploying = fleet.maximum.value * ROLLING_FACTOR
    fargate = config.compute == "fargate"
    return (
        _targets(config, deploying),
        *((_tasks(deploying),) if fargate else ()),
        _vcpu(config, deploying, FARGATE_VCPU if fargate else EC2_VCPU),
        *(() if config.vpc_id else (_addresses(config, fleet),)),
        _nat_ports(config),
        _cache_clients(config, deploying),
    )


def _targets(config: Config, deploying: int) -> LimitCheck:
    quota = config.alb_target_quota
    return LimitCheck(
        "targets of the ALB",
        deploying,
        quota,
        "old and new tasks of a deployment",
        f"alb_target_quota: a deployment registers {deploying} targets and an ALB takes {quota}",
        "choose larger tasks, lower peak_in_flight, or have AWS raise the quota and set the key",
    )


def _tasks(deploying: int) -> LimitCheck:
    return LimitCheck(
        "tasks of the service",
        deploying,
        TASKS_PER_SERVICE,
        "ECS's own limit",
        f"task_cpu: a deployment runs {deploying} tasks and an ECS service {TASKS_PER_SERVICE}",
        "choose larger tasks, or lower peak_in_flight",
    )


def _vcpu(config: Config, deploying: int, first_quota: int) -> LimitCheck:
    needed = ceil_div(deploying * config.vcpu_units, 1024)
    return LimitCheck(
        "vCPUs of a deployment",
        needed,
        first_quota,
        "a new account's quota",
        f"a deployment runs {needed} vCPUs and a new account {first_quota}",
        f"have AWS raise the quota to {needed}",
        ask=True,
    )


def addresses(config: Config, fleet: FleetSize) -> int:
    """What a private subnet must have while a deployment doubles the fleet."""
    deploying = fleet.maximum.value * ROLLING_FACTOR
    return ceil_div(deploying, _zones_left(config)) + OTHER_ADDRESSES


def _zones_left(config: Config) -> int:
    return config.zones - 1 if config.production else config.zones


def _addresses(config: Config, fleet: FleetSize) -> LimitCheck:
    zones, needed = _zones_left(config), addresses(config, fleet)
    prefix = subnets(config.vpc_cidr).private.value
    usable = 2 ** (32 - prefix) - RESERVED_ADDRESSES
    return LimitCheck(
        "addresses of a subnet",
        needed,
        usable,
        f"a deployment in {zones} zones, and {OTHER_ADDRESSES} others",
        f"vpc_cidr: a private /{prefix} of {config.vpc_cidr} has {usable} addresses and a"
        f" deployment needs {needed} in each zone",
        "choose a larger range, larger tasks, or lower peak_in_flight",
    )


def _nat_ports(config: Config) -> LimitCheck:
    needed = ceil_div(config.peak_in_flight * config.upstream_percent, 100)
    limit = nat_ports(config)
    return LimitCheck(
        "NAT ports to upstream",
        needed,
        limit,
        f"{NAT_PORTS:,} of each gateway that is left",
        f"upstream_percent: the peak needs {needed} connections to the upstream and the NAT"
        f" gateways have {limit} ports for it",
        "cache more and lower upstream_percent, lower peak_in_flight, or reach the upstream"
        " without NAT",
    )


def _cache_clients(config: Config, deploying: int) -> LimitCheck:
    small = config.cache_class.startswith("cache.t")
    limit = CACHE_CLIENTS_SMALL if small else CACHE_CLIENTS
    needed = deploying * config.workers * (CACHE_POOL + CACHE_SUBSCRIPTIONS)
    return LimitCheck(
        "connections to the cache",
        needed,
        limit,
        "maxclients of a node",
        f"cache_class: a deployment opens {needed} connections and {config.cache_class}"
        f" takes {limit}",
        "choose fewer and larger tasks, lower peak_in_flight, or a larger class",
    )
