from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.plan import Plan
from stackkit.resources.canary import Canary, canary
from stackkit.resources.component import Component
from stackkit.resources.log_bucket import LogBucket
from stackkit.resources.security_groups import HTTP, HTTPS
from stackkit.settings.config import CONTAINER_PORT, Config

# TLS 1.3, and 1.2 with forward secrecy; key exchange that quantum computers do not break
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
HEALTH_PATH = "/health"
TO_HTTPS: aws.lb.ListenerDefaultActionArgsDict = {
    "type": "redirect",
    "redirect": {"protocol": "HTTPS", "port": str(HTTPS), "status_code": "HTTP_301"},
}


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    settings: Config
    numbers: Plan
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    # None serves plain HTTP
    certificate_arn: pulumi.Input[str] | None
    log_bucket: LogBucket


class Edge(Component):
    """The load balancer, its listeners and the target group behind them; two for a canary."""

    balancer: aws.lb.LoadBalancer
    # a service starts in the first
    target_groups: list[aws.lb.TargetGroup]
    canary: Canary | None
    # a service can't join a target group that no listener uses
    listeners: list[aws.lb.Listener]

    def __init__(self, name: str, args: EdgeArgs) -> None:
        super().__init__("service:edge:Edge", name)
        # no suffix: a load balancer's and a target group's name have 32 characters
        self._args = args
        self.balancer = self._balancer()
        suffixes = ("", "-alt") if args.settings.rollout == "canary" else ("",)
        self.target_groups = [self._targets(f"{name}{suffix}") for suffix in suffixes]
        forward: aws.lb.ListenerDefaultActionArgsDict
        forward = {"type": "forward", "target_group_arn": self.target_groups[0].arn}
        if args.certificate_arn is None:
            self.listeners = [self._listener("http", HTTP, forward)]
        else:
            self.listeners = [
                self._listener("https", HTTPS, forward, args.certificate_arn),
                self._listener("http", HTTP, TO_HTTPS),
            ]
        self.canary = (
            canary(name, self.listeners[0].arn, self.target_groups, self)
            if len(suffixes) > 1
            else None
        )
        self.register_outputs({"dnsName": self.balancer.dns_name})

    def _balancer(self) -> aws.lb.LoadBalancer:
        args, settings = self._args, self._args.settings
        capacity = aws.lb.LoadBalancerMinimumLoadBalancerCapacityArgs
        return aws.lb.LoadBalancer(
            self._prefix,
            load_balancer_type="application",
            internal=settings.internal,
            ip_address_type="dualstack" if settings.ipv6 else "ipv4",
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            idle_timeout=args.numbers.timeouts.alb_idle.value,
            enable_http2=True,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_zonal_shift=True,
            enable_deletion_protection=settings.production,
            access_logs={"bucket": args.log_bucket.bucket, "enabled": True},
            minimum_load_balancer_capacity=capacity(capacity_units=settings.alb_lcu)
            if settings.alb_lcu
            else None,
            opts=pulumi.ResourceOptions(
                parent=self, protect=settings.production, depends_on=[args.log_bucket.ready]
            ),
        )

    def _targets(self, name: str) -> aws.lb.TargetGroup:
        args = self._args
        return aws.lb.TargetGroup(
            name,
            vpc_id=args.vpc_id,
            target_type="ip" if args.settings.compute == "fargate" else "instance",
            protocol="HTTP",
            protocol_version="HTTP1",
            port=CONTAINER_PORT,
            load_balancing_algorithm_type="least_outstanding_requests",
            deregistration_delay=args.numbers.timeouts.deregistration_delay.value,
            health_check={
                "enabled": True,
                "protocol": "HTTP",
                "port": "traffic-port",
                "path": HEALTH_PATH,
                "matcher": "200",
                "interval": 30,
                "timeout": 5,
                "healthy_threshold": 3,
                "unhealthy_threshold": 2,
            },
            opts=self._child,
        )

    def _listener(
        self,
        scheme: str,
        port: int,
        action: aws.lb.ListenerDefaultActionArgsDict,
        certificate_arn: pulumi.Input[str] | None = None,
    ) -> aws.lb.Listener:
        return aws.lb.Listener(
            f"{self._prefix}-{scheme}",
            load_balancer_arn=self.balancer.arn,
            port=port,
            protocol=scheme.upper(),
            ssl_policy=TLS_POLICY if certificate_arn else None,
            certificate_arn=certificate_arn,
            default_actions=[action],
            opts=self._child,
        )
