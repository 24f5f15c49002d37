from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.network import endpoints
from stackkit.resources.component import Component
from stackkit.resources.security_groups import HTTPS, connect, group


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    region: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    client_group_id: pulumi.Input[str]
    sessions: bool


class Endpoints(Component):
    """AWS's own services on private addresses: images, logs and secrets don't need the NAT."""

    def __init__(self, name: str, args: EndpointsArgs) -> None:
        super().__init__("service:network:Endpoints", name)
        own = group(f"{name}-endpoints", args.vpc_id, "Endpoints of AWS services", self)
        connect(f"{name}-compute-endpoints", args.client_group_id, own, HTTPS, self)
        for service in endpoints(args.sessions):
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=args.subnet_ids,
                security_group_ids=[own],
                opts=self._child,
            )
        self.register_outputs({})
