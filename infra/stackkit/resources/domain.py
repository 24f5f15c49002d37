from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.component import Component


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    domain: str
    zone_id: pulumi.Input[str]


class Certificate(Component):
    """A certificate that proves itself by a record in the zone, and so renews itself."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: CertificateArgs) -> None:
        super().__init__("service:edge:Certificate", name)
        certificate = aws.acm.Certificate(
            name,
            domain_name=args.domain,
            validation_method="DNS",
            opts=self._child,
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            # the same in each certificate of this domain and account
            allow_overwrite=True,
            opts=self._child,
        )
        validation = aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self._child,
        )
        self.arn = validation.certificate_arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class AliasArgs:
    domain: str
    zone_id: pulumi.Input[str]
    balancer: aws.lb.LoadBalancer
    # a record that is there leads elsewhere
    taken_over: bool
    ipv6: bool


class Alias(Component):
    """The domain as another name of the load balancer."""

    def __init__(self, name: str, args: AliasArgs) -> None:
        super().__init__("service:edge:Alias", name)
        for suffix, kind in {"": "A", "-ipv6": "AAAA"}.items():
            if args.ipv6 or kind == "A":
                aws.route53.Record(
                    f"{name}{suffix}",
                    zone_id=args.zone_id,
                    name=args.domain,
                    type=kind,
                    allow_overwrite=args.taken_over,
                    aliases=[
                        {
                            "name": args.balancer.dns_name,
                            "zone_id": args.balancer.zone_id,
                            "evaluate_target_health": True,
                        }
                    ],
                    opts=self._child,
                )
        self.register_outputs({})
