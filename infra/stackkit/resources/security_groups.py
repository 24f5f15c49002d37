from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.settings.config import WORLD

POSTGRESQL = 5432
VALKEY = 6379
HTTP = 80
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    vpc_id: pulumi.Input[str]
    public_ports: tuple[int, ...]
    # ranges of addresses that reach these
    allow_from: Sequence[str]
    container_port: int
    # where the service's own calls go: AWS's APIs and the upstream
    outbound_ports: tuple[int, ...]


class SecurityGroups(pulumi.ComponentResource):
    """Allows clients → ALB → compute → data, group to group, and nothing else."""

    balancer_id: pulumi.Output[str]
    compute_id: pulumi.Output[str]
    database_id: pulumi.Output[str]
    cache_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:network:SecurityGroups", name, None, opts)
        self._prefix = name
        self._vpc_id = args.vpc_id
        self.balancer_id = self._group("alb", "The load balancer")
        self.compute_id = self._group("compute", "Tasks or instances of the service")
        self.database_id = self._group("database", "PostgreSQL")
        self.cache_id = self._group("cache", "Valkey")
        for port in args.public_ports:
            for source in args.allow_from:
                self._from(source, "alb", self.balancer_id, port)
        for port in args.outbound_ports:
            self._to_world("compute", self.compute_id, port)
        allow = self._allow
        allow("alb-compute", self.balancer_id, self.compute_id, args.container_port)
        allow("compute-database", self.compute_id, self.database_id, POSTGRESQL)
        allow("compute-cache", self.compute_id, self.cache_id, VALKEY)
        self.register_outputs({})

    def _group(self, role: str, description: str) -> pulumi.Output[str]:
        # no rules inside: the provider then also removes AWS's "everything out"
        return aws.ec2.SecurityGroup(
            f"{self._prefix}-{role}",
            aws.ec2.SecurityGroupArgs(vpc_id=self._vpc_id, description=description),
            opts=pulumi.ResourceOptions(parent=self),
        ).id

    def _from(self, source: str, role: str, group: pulumi.Input[str], port: int) -> None:
        # "::" separates the parts of a resource's URN
        label = "world" if source == WORLD else source.replace(":", ".")
        aws.vpc.SecurityGroupIngressRule(
            f"{self._prefix}-{label}-{role}-{port}",
            aws.vpc.SecurityGroupIngressRuleArgs(
                security_group_id=group,
                cidr_ipv4=None if ":" in source else source,
                cidr_ipv6=source if ":" in source else None,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _to_world(self, role: str, group: pulumi.Input[str], port: int) -> None:
        aws.vpc.SecurityGroupEgressRule(
            f"{self._prefix}-{role}-world-{port}",
            aws.vpc.SecurityGroupEgressRuleArgs(
                security_group_id=group,
                cidr_ipv4=WORLD,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _allow(
        self, pair: str, source: pulumi.Input[str], target: pulumi.Input[str], port: int
    ) -> None:
        connect(f"{self._prefix}-{pair}", source, target, port, self)


def connect(
    name: str,
    source: pulumi.Input[str],
    target: pulumi.Input[str],
    port: int,
    parent: pulumi.Resource,
) -> None:
    """Let one group open TCP connections to a port of another: out of one and into the other."""
    aws.vpc.SecurityGroupEgressRule(
        name,
        aws.vpc.SecurityGroupEgressRuleArgs(
            security_group_id=source,
            referenced_security_group_id=target,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        aws.vpc.SecurityGroupIngressRuleArgs(
            security_group_id=target,
            referenced_security_group_id=source,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
