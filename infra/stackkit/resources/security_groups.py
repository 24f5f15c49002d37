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
        self._vpc_id = args.vpc_id
        self.balancer_id = self._group("alb", "The load balancer")
        self.compute_id = self._group("compute", "Tasks or instances of the service")
        self.database_id = self._group("database", "PostgreSQL")
        self.cache_id = self._group("cache", "Valkey")
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

    def _group(self, role: str, description: str) -> pulumi.Output[str]:
        # no rules inside: the provider then also removes AWS's "everything out"
        return aws.ec2.SecurityGroup(
            f"{self._prefix}-{role}",
            vpc_id=self._vpc_id,
            description=description,
            opts=self._child,
        ).id


def connect(
    name: str,
    source: pulumi.Input[str],
    target: pulumi.Input[str],
    port: int,
    parent: pulumi.Resource,
) -> None:
    """Let one group open TCP connections to a port of another: out of one and into the other."""
    _rule(Egress, name, source, port, parent, group=target)
    _rule(Ingress, name, target, port, parent, group=source)


def _rule(
    direction: type[Ingress | Egress],
    name: str,
    owner: pulumi.Input[str],
    port: int,
    parent: pulumi.Resource,
    addresses: str = "",
    group: pulumi.Input[str] | None = None,
) -> None:
    ipv6 = ":" in addresses
    direction(
        name,
        security_group_id=owner,
        cidr_ipv4=addresses if addresses and not ipv6 else None,
        cidr_ipv6=addresses if ipv6 else None,
        referenced_security_group_id=group,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=pulumi.ResourceOptions(parent=parent),
    )
