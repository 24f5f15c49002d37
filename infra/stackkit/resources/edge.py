from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.canary import Canary, canary
from stackkit.resources.security_groups import HTTP, HTTPS

# TLS 1.3, and 1.2 with forward secrecy; key exchange that quantum computers do not break
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
HEALTH_PATH = "/health"


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    internal: bool
    ipv6: bool
    # None serves plain HTTP
    certificate_arn: pulumi.Input[str] | None
    container_port: int
    target_type: str
    deregistration_delay_s: int
    idle_timeout_s: int
    reserved_lcu: int
    protected: bool
    canary: bool
    log_bucket: pulumi.Input[str]
    log_bucket_ready: pulumi.Resource


class Edge(pulumi.ComponentResource):
    """The load balancer, its listeners and the target group behind them; two for a canary."""

    balancer: aws.lb.LoadBalancer
    # a service starts in the first
    target_groups: list[aws.lb.TargetGroup]
    canary: Canary | None
    # a service can't join a target group that no listener uses
    listeners: list[aws.lb.Listener]

    def __init__(
        self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:edge:Edge", name, None, opts)
        # no suffix: a load balancer's and a target group's name have 32 characters
        self._prefix = name
        self._args = args
        self.balancer = self._balancer()
        suffixes = ("", "-alt") if args.canary else ("",)
        self.target_groups = [self._targets(f"{name}{suffix}") for suffix in suffixes]
        forward = aws.lb.ListenerDefaultActionArgs(
            type="forward", target_group_arn=self.target_groups[0].arn
        )
        if args.certificate_arn is None:
            self.listeners = [self._listener("http", HTTP, forward)]
        else:
            self.listeners = [
                self._listener("https", HTTPS, forward, args.certificate_arn),
                self._listener("http", HTTP, _to_https()),
            ]
        self.canary = (
            canary(name, self.listeners[0].arn, self.target_groups, self) if args.canary else None
        )
        self.register_outputs({"dnsName": self.balancer.dns_name})

    def _balancer(self) -> aws.lb.LoadBalancer:
        args = self._args
        capacity = aws.lb.LoadBalancerMinimumLoadBalancerCapacityArgs
        return aws.lb.LoadBalancer(
            self._prefix,
            load_balancer_type="application",
            internal=args.internal,
            ip_address_type="dualstack" if args.ipv6 else "ipv4",
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            idle_timeout=args.idle_timeout_s,
            enable_http2=True,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_zonal_shift=True,
            enable_deletion_protection=args.protected,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=args.log_bucket, enabled=True),
            minimum_load_balancer_capacity=capacity(capacity_units=args.reserved_lcu)
            if args.reserved_lcu
            else None,
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protected, depends_on=[args.log_bucket_ready]
            ),
        )

    def _targets(self, name: str) -> aws.lb.TargetGroup:
        args = self._args
        return aws.lb.TargetGroup(
            name,
            vpc_id=args.vpc_id,
            target_type=args.target_type,
            protocol="HTTP",
            protocol_version="HTTP1",
            port=args.container_port,
            load_balancing_algorithm_type="least_outstanding_requests",
            deregistration_delay=args.deregistration_delay_s,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                enabled=True,
                protocol="HTTP",
                port="traffic-port",
                path=HEALTH_PATH,
                matcher="200",
                interval=30,
                timeout=5,
                healthy_threshold=3,
                unhealthy_threshold=2,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _listener(
        self,
        scheme: str,
        port: int,
        action: aws.lb.ListenerDefaultActionArgs,
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
            opts=pulumi.ResourceOptions(parent=self),
        )


def _to_https() -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(
        type="redirect",
        redirect=aws.lb.ListenerDefaultActionRedirectArgs(
            protocol="HTTPS", port=str(HTTPS), status_code="HTTP_301"
        ),
    )
