from refusal import Refusal
from sizing.fleet import Fleet
from sizing.inputs import Inputs
from sizing.number import Check
from sizing.pools import CACHE_POOL, CACHE_SUBSCRIPTIONS, ROLLING_FACTOR
from sizing.subnets import subnets

TASKS_PER_SERVICE = 5000
# an AWS account's first Fargate or EC2 quota is lower than any fleet of this size
FIRST_VCPU_QUOTA = 5
NAT_PORTS = 55000
CACHE_CLIENTS = 65000
CACHE_CLIENTS_SMALL = 20000
RESERVED_ADDRESSES = 5
# interface endpoints and what a balancer or a lifecycle may hold in the same subnet
OTHER_ADDRESSES = 16


def checks(inputs: Inputs, fleet: Fleet) -> tuple[Check, ...]:
    """Every limit of AWS that the fleet meets while a deployment doubles it."""
    deploying = fleet.maximum.value * ROLLING_FACTOR
    return (
        _targets(inputs, deploying),
        Check("tasks in a service", deploying, TASKS_PER_SERVICE, "ECS quota")
        if inputs.task.compute == "fargate"
        else _vcpu(inputs, deploying),
        _addresses(inputs, deploying),
        _nat_ports(inputs),
        _cache_clients(inputs, deploying),
    )


def _targets(inputs: Inputs, deploying: int) -> Check:
    quota = inputs.site.alb_target_quota
    if deploying > quota:
        raise Refusal(
            f"alb_target_quota: a deployment registers {deploying} targets and an ALB takes"
            f" {quota}; choose larger tasks, lower peak_in_flight, or have AWS raise the quota and"
            " set the key."
        )
    return Check("targets of the ALB", deploying, quota, "old and new tasks of a deployment")


def _vcpu(inputs: Inputs, deploying: int) -> Check:
    needed = deploying * inputs.task.vcpu_units // 1024
    return Check("vCPU of a deployment", needed, FIRST_VCPU_QUOTA, "new account's quota", ask=True)


def _addresses(inputs: Inputs, deploying: int) -> Check:
    workload = inputs.workload
    zones = workload.zones - 1 if workload.survives_zone_loss else workload.zones
    needed = -(-deploying // zones) + OTHER_ADDRESSES
    prefix = subnets(inputs.site.vpc_cidr).private.value
    usable = 2 ** (32 - prefix) - RESERVED_ADDRESSES
    if needed > usable:
        raise Refusal(
            f"vpc_cidr: a private /{prefix} of {inputs.site.vpc_cidr} has {usable} addresses and a"
            f" deployment needs {needed} in each zone; choose a larger range, larger tasks, or"
            " lower peak_in_flight."
        )
    return Check("addresses in a private subnet", needed, usable, "a deployment with a zone lost")


def _nat_ports(inputs: Inputs) -> Check:
    workload, gateways = inputs.workload, inputs.site.nat_gateways
    left = gateways - 1 if workload.survives_zone_loss else gateways
    needed = workload.peak_in_flight * workload.upstream_percent // 100
    limit = NAT_PORTS * left
    if needed > limit:
        raise Refusal(
            f"upstream_percent: {needed} connections to one upstream and {left} NAT gateways have"
            f" {limit} ports for it; lower upstream_percent by caching more, lower peak_in_flight,"
            " or reach the upstream without NAT."
        )
    return Check("NAT ports to the upstream", needed, limit, "55,000 per address and destination")


def _cache_clients(inputs: Inputs, deploying: int) -> Check:
    small = inputs.data.cache_class.startswith("cache.t")
    limit = CACHE_CLIENTS_SMALL if small else CACHE_CLIENTS
    needed = deploying * inputs.task.workers * (CACHE_POOL + CACHE_SUBSCRIPTIONS)
    if needed > limit:
        raise Refusal(
            f"cache_class: a deployment opens {needed} connections and {inputs.data.cache_class}"
            f" takes {limit}; choose fewer and larger tasks, lower peak_in_flight, or a larger"
            " class."
        )
    return Check("connections to the cache", needed, limit, "maxclients of a node")
