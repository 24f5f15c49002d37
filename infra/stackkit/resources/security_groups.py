from dataclasses import dataclass
from itertools import product

import pulumi
import pulumi_aws as aws
from pulumi_aws.vpc import SecurityGroupEgressRule as Egress
from pulumi_aws.vpc import SecurityGroupIngressRule as Ingress

from stackkit.resources.component import Component
from stackkit.settings.config import CONTAINER_PORT, WORLD, Config

POSTGRESQL = 5432
VALKEY = 6379
HTTP = 80
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    settings: Config
    vpc_id: pulumi.Input[str]
    # where the service's own calls go: AWS's APIs and the upstream
    outbound_ports: tuple[int, ...]


class SecurityGroups(Component):
    """Allows clients → ALB → compute → data, group to group, and nothing else."""

    balancer_id: pulumi.Output[str]
    compute_id: pulumi.Output[str]
    database_id: pulumi.Output[str]
    cache_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecurityGroupsArgs) -> None:
        super().__init__("service:network:SecurityGroups", name)
        vpc = args.vpc_id
        self.balancer_id = group(f"{name}-alb", vpc, "The load balancer", self)
        self.compute_id = group(f"{name}-compute", vpc, "Tasks or instances of the service", self)
        self.database_id = group(f"{name}-database", vpc, "PostgreSQL", self)
        self.cache_id = group(f"{name}-cache", vpc, "Valkey", self)
        self._connect(name, args)
        self.register_outputs({})

    def _connect(self, name: str, args: SecurityGroupsArgs) -> None:
        ports = (HTTP, HTTPS) if args.settings.domain else (HTTP,)
        for port, source in product(ports, args.settings.allow_from):
            # "::" separates the parts of a resource's URN
            label = "world" if source == WORLD else source.replace(":", ".")
            _rule(Ingress, f"{name}-{label}-alb-{port}", self.balancer_id, port, self, source)
        for port in args.outbound_ports:
            _rule(Egress, f"{name}-compute-world-{port}", self.compute_id, port, self, WORLD)
        for pair, source, target, port in (
            ("alb-compute", self.balancer_id, self.compute_id, CONTAINER_PORT),
            ("compute-database", self.compute_id, self.database_id, POSTGRESQL),
            ("compute-cache", self.compute_id, self.cache_id, VALKEY),
        ):
            connect(f"{name}-{pair}", source, target, port, self)


def group(
    name: str, vpc_id: pulumi.Input[str], description: str, parent: pulumi.Resource
) -> pulumi.Output[str]:
    """The id of a group without rules inside: then the provider removes AWS's "everything out"."""
    child = pulumi.ResourceOptions(parent=parent)
    return aws.ec2.SecurityGroup(name, vpc_id=vpc_id, description=description, opts=child).id


def connect(
    name: str,
    source: pulumi.Input[str],
    target: pulumi.Input[str],
    port: int,
    parent: pulumi.Resource,
) -> None:
    """Let one group open TCP connections to a port of another: out of one and into the other."""
    _rule(Egress, name, source, port, parent, other=target)
    _rule(Ingress, name, target, port, parent, other=source)


def _rule(
    direction: type[Ingress | Egress],
    name: str,
    owner: pulumi.Input[str],
    port: int,
    parent: pulumi.Resource,
    addresses: str = "",
    other: pulumi.Input[str] | None = None,
) -> None:
    ipv6 = ":" in addresses
    direction(
        name,
        security_group_id=owner,
        cidr_ipv4=addresses if addresses and not ipv6 else None,
        cidr_ipv6=addresses if ipv6 else None,
        referenced_security_group_id=other,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=pulumi.ResourceOptions(parent=parent),
    )
