from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from stackkit.plan.network import blocks
from stackkit.resources.component import Component
from stackkit.resources.existing_network import ExistingNetwork
from stackkit.resources.policies import may_log, service_role
from stackkit.settings.config import Config


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    settings: Config
    region: str
    # nothing but it is used then
    existing: ExistingNetwork | None


class Network(Component):
    """Public subnets for the ALB, private ones for compute, isolated ones for data."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[list[str]]
    private_subnet_ids: pulumi.Output[list[str]]
    balancer_subnet_ids: pulumi.Output[list[str]]
    isolated_subnet_ids: pulumi.Output[list[str]]
    compute_subnet_ids: pulumi.Output[list[str]]
    nat_gateway_ids: list[pulumi.Output[str]]
    # the load balancer has its addresses from them
    balancer_ranges: list[str]

    def __init__(self, name: str, args: NetworkArgs) -> None:
        super().__init__("service:network:Network", name)
        if args.existing:
            self._use(args.existing, args.settings)
        else:
            self._make(args)
        self.balancer_subnet_ids = (
            self.private_subnet_ids if args.settings.internal else self.public_subnet_ids
        )
        self.register_outputs({"vpcId": self.vpc_id})

    def _use(self, found: ExistingNetwork, settings: Config) -> None:
        """It has no subnets for data alone."""
        self.vpc_id = pulumi.Output.from_input(settings.vpc_id)
        self.public_subnet_ids = pulumi.Output.from_input([s.id for s in found.public])
        self.private_subnet_ids = pulumi.Output.from_input([s.id for s in found.private])
        self.compute_subnet_ids = self.isolated_subnet_ids = self.private_subnet_ids
        self.nat_gateway_ids = []
        balanced = found.private if settings.internal else found.public
        self.balancer_ranges = [s.cidr for s in balanced]

    def _make(self, args: NetworkArgs) -> None:
        settings = args.settings
        self.balancer_ranges = [settings.vpc_cidr]
        vpc = self._vpc(args)
        self.vpc_id = vpc.vpc_id
        self.public_subnet_ids = vpc.public_subnet_ids.apply(list)
        self.private_subnet_ids = vpc.private_subnet_ids.apply(list)
        # without a gateway tasks have public addresses
        self.compute_subnet_ids = (
            self.private_subnet_ids if settings.nat_gateways else self.public_subnet_ids
        )
        self.isolated_subnet_ids = vpc.isolated_subnet_ids.apply(list)
        self.nat_gateway_ids = [
            vpc.nat_gateways[index].apply(lambda gateway: gateway.id)
            for index in range(settings.nat_gateways)
        ]
        # adopted and emptied: a resource that names no group can reach nothing
        aws.ec2.DefaultSecurityGroup(
            self._prefix,
            vpc_id=self.vpc_id,
            ingress=[],
            egress=[],
            opts=self._child,
        )
        self._flow_logs(settings.log_days)

    def _vpc(self, args: NetworkArgs) -> awsx.ec2.Vpc:
        settings, strategy = args.settings, awsx.ec2.NatGatewayStrategy
        few = {0: strategy.NONE, 1: strategy.SINGLE}
        ranges = blocks(settings.vpc_cidr, settings.zones)
        s3 = f"com.amazonaws.{args.region}.s3"
        return awsx.ec2.Vpc(
            self._prefix,
            cidr_block=settings.vpc_cidr,
            availability_zone_names=self._zone_names(settings.zones),
            # private DNS names of the endpoints need both
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways={"strategy": few.get(settings.nat_gateways, strategy.ONE_PER_AZ)},
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[
                {"type": awsx.ec2.SubnetType[kind.upper()], "name": kind, "cidr_blocks": each}
                for kind, each in ranges.items()
            ],
            # free of charge, and image layers then don't pass the NAT gateways
            vpc_endpoint_strategy=awsx.ec2.VpcEndpointStrategy.AUTO,
            vpc_endpoint_specs=[{"service_name": s3, "vpc_endpoint_type": "Gateway"}],
            opts=self._child,
        )

    def _zone_names(self, count: int) -> list[str]:
        """Zones that every account has: no Local Zone that this one has opted in to."""
        found = aws.get_availability_zones(
            state="available",
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOptions(parent=self),
        )
        return sorted(found.names)[:count]

    def _flow_logs(self, days: int) -> None:
        name = f"{self._prefix}-flow"
        group = aws.cloudwatch.LogGroup(name, retention_in_days=days, opts=self._child)
        statement = may_log(group.arn, "logs:DescribeLogStreams")
        role, _ = service_role(name, "vpc-flow-logs.amazonaws.com", [statement], self)
        aws.ec2.FlowLog(
            self._prefix,
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            opts=self._child,
        )
