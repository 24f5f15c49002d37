"""What makes a fleet grow and shrink, the same for ECS services and for Auto Scaling groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.scale_up import STEP_IN_MINUTES, STEP_OUT_MINUTES
from stackkit.settings.schedules import Schedule

BYTES_PER_MEGABIT = 125_000


@dataclass(frozen=True, kw_only=True)
class StepArgs:
    """Thresholds in requests per target and minute."""

    out_requests: int
    in_requests: int
    out_tasks: int
    in_tasks: int
    scales_in: bool


@dataclass(frozen=True, kw_only=True)
class ScalingArgs:
    policies: Sequence[str]
    minimum: int
    maximum: int
    cpu_percent: int
    # of one target
    requests_per_minute: int
    network_mbps: int
    step: StepArgs | None
    cooldown_s: int
    schedules: Sequence[Schedule]
    # ARN suffixes, by which CloudWatch knows load balancer and target group
    balancer: pulumi.Input[str]
    targets: pulumi.Input[str]


def requests_label(args: ScalingArgs) -> pulumi.Output[str]:
    """How a policy names the target group whose requests it counts."""
    return pulumi.Output.format("{0}/{1}", args.balancer, args.targets)


def step_out_alarm(
    name: str, args: ScalingArgs, step: StepArgs, policy: pulumi.Input[str], parent: pulumi.Resource
) -> None:
    """One busy minute suffices."""
    _alarm(
        f"{name}-step-out",
        args,
        ("GreaterThanOrEqualToThreshold", step.out_requests),
        minutes=STEP_OUT_MINUTES,
        missing="notBreaching",
        policy=policy,
        parent=parent,
    )


def step_in_alarm(
    name: str, args: ScalingArgs, step: StepArgs, policy: pulumi.Input[str], parent: pulumi.Resource
) -> None:
    """Five quiet minutes in a row; the load balancer reports nothing without requests."""
    _alarm(
        f"{name}-step-in",
        args,
        ("LessThanOrEqualToThreshold", step.in_requests),
        minutes=STEP_IN_MINUTES,
        missing="breaching",
        policy=policy,
        parent=parent,
    )


def _alarm(
    name: str,
    args: ScalingArgs,
    condition: tuple[str, int],
    *,
    minutes: int,
    missing: str,
    policy: pulumi.Input[str],
    parent: pulumi.Resource,
) -> None:
    comparison, threshold = condition
    aws.cloudwatch.MetricAlarm(
        name,
        aws.cloudwatch.MetricAlarmArgs(
            alarm_description=f"Scaling: {comparison} {threshold} requests per target and minute",
            namespace="AWS/ApplicationELB",
            metric_name="RequestCountPerTarget",
            dimensions={"LoadBalancer": args.balancer, "TargetGroup": args.targets},
            statistic="Sum",
            period=60,
            evaluation_periods=minutes,
            comparison_operator=comparison,
            threshold=threshold,
            treat_missing_data=missing,
            alarm_actions=[policy],
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
