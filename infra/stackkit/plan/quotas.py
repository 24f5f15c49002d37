from stackkit.plan.derived_value import LimitCheck, ceil_div
from stackkit.plan.fleet import FleetSize
from stackkit.plan.inputs import Inputs
from stackkit.plan.network import NAT_PORTS, nat_ports, subnets
from stackkit.plan.pools import CACHE_POOL, CACHE_SUBSCRIPTIONS, ROLLING_FACTOR
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


def checks(inputs: Inputs, fleet: FleetSize) -> tuple[LimitCheck, ...]:
    """The limits of AWS; raise Refusal for the first that the fleet doesn't meet."""
    found = limits(inputs, fleet)
    for check in found:
        if check.short and not check.ask:
            raise ConfigError(f"{check.problem}; {check.remedy}.")
    return found


def limits(inputs: Inputs, fleet: FleetSize) -> tuple[LimitCheck, ...]:
    """Every limit of AWS that the fleet meets, or not, while a deployment doubles it."""
    deploying = fleet.maximum.value * ROLLING_FACTOR
    by_compute = _fargate if inputs.task.compute == "fargate" else _ec2
    return (
        _targets(inputs, deploying),
        *by_compute(inputs, deploying),
        _addresses(inputs, deploying),
        _nat_ports(inputs),
        _cache_clients(inputs, deploying),
    )


def _targets(inputs: Inputs, deploying: int) -> LimitCheck:
    quota = inputs.site.alb_target_quota
    return LimitCheck(
        "targets of the ALB",
        deploying,
        quota,
        "old and new tasks of a deployment",
        f"alb_target_quota: a deployment registers {deploying} targets and an ALB takes {quota}",
        "choose larger tasks, lower peak_in_flight, or have AWS raise the quota and set the key",
    )


def _fargate(inputs: Inputs, deploying: int) -> tuple[LimitCheck, ...]:
    tasks = LimitCheck(
        "tasks of the service",
        deploying,
        TASKS_PER_SERVICE,
        "ECS's own limit",
        f"task_cpu: a deployment runs {deploying} tasks and an ECS service {TASKS_PER_SERVICE}",
        "choose larger tasks, or lower peak_in_flight",
    )
    return tasks, _vcpu(inputs, deploying, FARGATE_VCPU)


def _ec2(inputs: Inputs, deploying: int) -> tuple[LimitCheck, ...]:
    return (_vcpu(inputs, deploying, EC2_VCPU),)


def _vcpu(inputs: Inputs, deploying: int, first_quota: int) -> LimitCheck:
    needed = ceil_div(deploying * inputs.task.vcpu_units, 1024)
    return LimitCheck(
        "vCPUs of a deployment",
        needed,
        first_quota,
        "a new account's quota",
        f"a deployment runs {needed} vCPUs and a new account {first_quota}",
        f"have AWS raise the quota to {needed}",
        ask=True,
    )


def _addresses(inputs: Inputs, deploying: int) -> LimitCheck:
    workload = inputs.workload
    zones = workload.zones - 1 if workload.survives_zone_loss else workload.zones
    needed = ceil_div(deploying, zones) + OTHER_ADDRESSES
    prefix = subnets(inputs.site.vpc_cidr).private.value
    usable = 2 ** (32 - prefix) - RESERVED_ADDRESSES
    return LimitCheck(
        "addresses of a subnet",
        needed,
        usable,
        f"a deployment in {zones} zones, and {OTHER_ADDRESSES} others",
        f"vpc_cidr: a private /{prefix} of {inputs.site.vpc_cidr} has {usable} addresses and a"
        f" deployment needs {needed} in each zone",
        "choose a larger range, larger tasks, or lower peak_in_flight",
    )


def _nat_ports(inputs: Inputs) -> LimitCheck:
    workload = inputs.workload
    needed = ceil_div(workload.peak_in_flight * workload.upstream_percent, 100)
    limit = nat_ports(inputs)
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


def _cache_clients(inputs: Inputs, deploying: int) -> LimitCheck:
    small = inputs.data.cache_class.startswith("cache.t")
    limit = CACHE_CLIENTS_SMALL if small else CACHE_CLIENTS
    needed = deploying * inputs.task.workers * (CACHE_POOL + CACHE_SUBSCRIPTIONS)
    return LimitCheck(
        "connections to the cache",
        needed,
        limit,
        "maxclients of a node",
        f"cache_class: a deployment opens {needed} connections and {inputs.data.cache_class}"
        f" takes {limit}",
        "choose fewer and larger tasks, lower peak_in_flight, or a larger class",
    )
