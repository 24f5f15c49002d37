from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.component import Component

# a replica that is gone stops being handed out within this
TTL_S = 10


@dataclass(frozen=True, kw_only=True)
class ReplicaAddressArgs:
    vpc_id: pulumi.Input[str]
    replicas: Sequence[aws.rds.Instance]


class ReplicaAddress(Component):
    """One private name for all read replicas: RDS gives each its own and spreads nothing."""

    host: str

    def __init__(self, name: str, args: ReplicaAddressArgs) -> None:
        super().__init__("service:data:ReplicaAddress", name)
        domain = f"{name}.internal"
        self.host = f"replica.{domain}"
        zone = aws.route53.Zone(
            name,
            name=domain,
            vpcs=[{"vpc_id": args.vpc_id}],
            opts=self._child,
        )
        for number, replica in enumerate(args.replicas, start=1):
            aws.route53.Record(
                f"{name}-replica-{number}",
                zone_id=zone.zone_id,
                name=self.host,
                type="CNAME",
                ttl=TTL_S,
                records=[replica.address],
                set_identifier=str(number),
                weighted_routing_policies=[{"weight": 1}],
                opts=self._child,
            )
        self.register_outputs({"host": self.host})
