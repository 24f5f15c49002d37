"""A VPC that exists: it is looked at before anything is made, and nothing of it changes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi_aws as aws

from stackkit.resources.delivery_permissions import SUFFIX
from stackkit.settings.config import WORLD, Config
from stackkit.settings.errors import ConfigError

# AWS, "Application Load Balancers": free addresses of each of its subnets
BALANCER_ADDRESSES = 8
# what of the stack has addresses in its subnets, by its security group
OCCUPANTS = ("alb", "compute", "database", "cache", "proxy")
# what a default route may lead to
TARGETS = ("gateway", "nat_gateway", "transit_gateway", "network_interface", "vpc_endpoint")


@dataclass(frozen=True, kw_only=True)
class Subnet:
    id: str
    zone: str
    cidr: str
    ipv6: bool
    # free ones, and those that the stack itself has already
    addresses: int
    # the target of its default route, such as igw-…; "" for none
    route: str


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    public: Sequence[Subnet]
    private: Sequence[Subnet]


def find(settings: Config, addresses: int) -> ExistingNetwork:
    """Raises ConfigError with a line for each fault; a private subnet needs `addresses`."""
    vpc = settings.vpc_id
    members = aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [vpc]}]).ids
    routes = _routes(vpc)
    keys = ("public_subnet_ids", "private_subnet_ids")
    named = {key: getattr(settings, key) for key in keys}
    faults = [
        f"{key}: {each} is not in {vpc}; name subnets of that VPC, in the stack's region."
        for key in keys
        for each in named[key]
        if each not in members
    ]
    public, private = (
        [_subnet(settings.name, each, routes) for each in named[key] if each in members]
        for key in keys
    )
    found = ExistingNetwork(public=public, private=private)
    # with strangers among them, zones are counted wrongly
    faults += [] if faults else _zones(found)
    for subnet in public:
        to_world = subnet.route.startswith("igw-")
        faults += _unfit(keys[0], subnet, BALANCER_ADDRESSES, to_world, "an internet gateway")
    for subnet in private:
        to_some = subnet.route != "" and not subnet.route.startswith("igw-")
        faults += _unfit(keys[1], subnet, addresses, to_some, "a NAT gateway or another way out")
    plain = [s.id for s in (private if settings.internal else public) if not s.ipv6]
    if settings.ipv6 and plain:
        faults.append(f"allow_from: no IPv6 in {', '.join(plain)}; name IPv4 ranges alone.")
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def _zones(found: ExistingNetwork) -> Iterator[str]:
    """A load balancer takes one subnet of a zone, and reaches no target outside its zones."""
    public, private = ([s.zone for s in subnets] for subnets in (found.public, found.private))
    for key, zones in (("public_subnet_ids", public), ("private_subnet_ids", private)):
        if len(set(zones)) < len(zones) or (zones and set(zones) != set(private)):
            yield (
                f"{key}: they are in {', '.join(zones)}; name one subnet in each zone, public and"
                " private ones in the same zones."
            )


def _unfit(key: str, subnet: Subnet, needed: int, routed: bool, way: str) -> Iterator[str]:
    if not routed:
        target = subnet.route or "nothing"
        yield f"{key}: the default route of {subnet.id} leads to {target} and not to {way}."
    if subnet.addresses < needed:
        yield (
            f"{key}: {subnet.id} has {subnet.addresses} free addresses and needs {needed} at the"
            " peak; use a larger subnet."
        )


def _subnet(stack: str, subnet: str, routes: Mapping[str, str]) -> Subnet:
    found = aws.ec2.get_subnet(id=subnet)
    groups = [f"{stack}-{occupant}{SUFFIX}" for occupant in OCCUPANTS]
    wanted = {"subnet-id": [subnet], "group-name": groups}
    own = aws.ec2.get_network_interfaces(
        filters=[{"name": name, "values": values} for name, values in wanted.items()]
    )
    return Subnet(
        id=subnet,
        zone=found.availability_zone,
        cidr=found.cidr_block,
        ipv6=bool(found.ipv6_cidr_block),
        addresses=found.available_ip_address_count + len(own.ids),
        # where no table names the subnet, the main one is for it
        route=routes.get(subnet, routes[""]),
    )


def _routes(vpc: str) -> Mapping[str, str]:
    """Subnet → target of its default route; "" → that of the main table."""
    found = {"": ""}
    for table in aws.ec2.get_route_tables(vpc_id=vpc).ids:
        of = aws.ec2.get_route_table(route_table_id=table)
        [default] = [route for route in of.routes if route.cidr_block == WORLD] or [None]
        targets = [getattr(default, f"{kind}_id", "") for kind in TARGETS]
        for association in of.associations:
            if association.main or association.subnet_id:
                found[association.subnet_id or ""] = next(filter(None, targets), "")
    return found
