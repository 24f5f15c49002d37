from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from stackkit.plan.derived_value import DerivedValue
from stackkit.settings.config import Config

PRIVATE_BITS = 4
OTHER_BITS = 8
NAT_PORTS = 55_000
_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm")
# what Session Manager's shells on instances take beside ssm
_SESSION_ENDPOINTS = ("ssmmessages", "ec2messages")


@dataclass(frozen=True)
class Subnets:
    """Prefix lengths of one zone's subnets."""

    private: DerivedValue
    public: DerivedValue
    isolated: DerivedValue


def subnets(vpc_cidr: str) -> Subnets:
    whole = IPv4Network(vpc_cidr).prefixlen
    return Subnets(
        private=DerivedValue(
            whole + PRIVATE_BITS, "bits", "a sixteenth of the VPC: every task has an address"
        ),
        public=DerivedValue(whole + OTHER_BITS, "bits", "the ALB wants /27 or larger"),
        isolated=DerivedValue(whole + OTHER_BITS, "bits", "database and cache nodes are few"),
    )


def blocks(vpc_cidr: str, zones: int) -> dict[str, list[str]]:
    """Kind of subnet → the range in each zone.

    A zone has a fourth of the VPC, whatever the number of zones: one more moves no other.
    """
    prefixes = subnets(vpc_cidr)
    shares = list(IPv4Network(vpc_cidr).subnets(2))[:zones]
    private = prefixes.private.value
    found: dict[str, list[str]] = {"private": [], "public": [], "isolated": []}
    for share in shares:
        ranges = share.subnets(new_prefix=private)
        found["private"].append(str(next(ranges)))
        others = next(ranges).subnets(new_prefix=prefixes.public.value)
        found["public"].append(str(next(others)))
        found["isolated"].append(str(next(others)))
    return found


def nat_ports(config: Config) -> int:
    """Connections to one destination that the NAT gateways carry, each with one address.

    AWS, "NAT gateway basics": 55,000 to each unique destination.
    """
    # a VPC that exists is taken to have as many as the program would make
    gateways = replace(config, vpc_id="").nat_gateways
    # without a gateway each task has an address, and at least one runs
    return NAT_PORTS * (gateways - 1 if config.production else max(1, gateways))


def endpoints(sessions: bool) -> tuple[str, ...]:
    """AWS's services that production reaches without NAT; `sessions` is for shells on instances."""
    return _ENDPOINTS + (_SESSION_ENDPOINTS if sessions else ())
