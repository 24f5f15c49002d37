"""What makes a fleet grow and shrink, the same for ECS services and for Auto Scaling groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.plan.scale_up import STEP_IN_MINUTES, STEP_OUT_MINUTES
from stackkit.settings.schedules import Schedule

BYTES_PER_MEGABIT = 125_000
# namespace and name
REQUESTS = ("AWS/ApplicationELB", "RequestCountPerTarget")
# the two target groups of a canary are as large as the fleet, so that shares of the load add up
BOTH_REQUESTS = "SUM([requests1, requests2])"
# key → how Auto Scaling calls it
PREDICTIVE_MODES = {"forecast": "ForecastOnly", "on": "ForecastAndScale"}
Query = aws.cloudwatch.MetricAlarmMetricQueryArgs
Count = aws.cloudwatch.MetricAlarmMetricQueryMetricArgs


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
    predictive: str
    cooldown_s: int
    schedules: Sequence[Schedule]
    # ARN suffixes, by which CloudWatch knows load balancer and target groups
    balancer: pulumi.Input[str]
    targets: Sequence[pulumi.Input[str]]

    @property
    def request_counts(self) -> Mapping[str, Mapping[str, pulumi.Input[str]]]:
        """Id → dimensions of RequestCountPerTarget, of each target group."""
        return {
            f"requests{number}": {"LoadBalancer": self.balancer, "TargetGroup": targets}
            for number, targets in enumerate(self.targets, start=1)
        }


def requests_label(args: ScalingArgs) -> pulumi.Output[str]:
    """How a policy names the target group whose requests it counts."""
    return pulumi.Output.format("{0}/{1}", args.balancer, args.targets[0])


def step_out_alarm(
    name: str, args: ScalingArgs, step: StepArgs, policy: pulumi.Input[str], parent: pulumi.Resource
) -> None:
    """One busy minute suffices."""
    alarm = _requests(args)
    alarm.comparison_operator = "GreaterThanOrEqualToThreshold"
    alarm.threshold = step.out_requests
    alarm.evaluation_periods = STEP_OUT_MINUTES
    alarm.treat_missing_data = "notBreaching"
    _alarm(f"{name}-step-out", alarm, policy, parent)


def step_in_alarm(
    name: str, args: ScalingArgs, step: StepArgs, policy: pulumi.Input[str], parent: pulumi.Resource
) -> None:
    """Five quiet minutes in a row; the load balancer reports nothing without requests."""
    alarm = _requests(args)
    alarm.comparison_operator = "LessThanOrEqualToThreshold"
    alarm.threshold = step.in_requests
    alarm.evaluation_periods = STEP_IN_MINUTES
    alarm.treat_missing_data = "breaching"
    _alarm(f"{name}-step-in", alarm, policy, parent)


def _alarm(
    name: str,
    alarm: aws.cloudwatch.MetricAlarmArgs,
    policy: pulumi.Input[str],
    parent: pulumi.Resource,
) -> None:
    when = f"{alarm.comparison_operator} {alarm.threshold} requests per target and minute"
    alarm.alarm_description = f"Scaling: {when}"
    alarm.alarm_actions = [policy]
    aws.cloudwatch.MetricAlarm(name, alarm, opts=pulumi.ResourceOptions(parent=parent))


def _requests(args: ScalingArgs) -> aws.cloudwatch.MetricAlarmArgs:
    """The metric itself if there is one target group, and a sum otherwise."""
    counts = {
        id: Count(
            namespace=REQUESTS[0], metric_name=REQUESTS[1], dimensions=by, stat="Sum", period=60
        )
        for id, by in args.request_counts.items()
    }
    if len(counts) > 1:
        queries = [Query(id=id, metric=count) for id, count in counts.items()]
        queries.append(Query(id="result", expression=BOTH_REQUESTS, return_data=True))
        return aws.cloudwatch.MetricAlarmArgs(metric_queries=queries)
    [count] = counts.values()
    return aws.cloudwatch.MetricAlarmArgs(
        namespace=count.namespace,
        metric_name=count.metric_name,
        dimensions=count.dimensions,
        statistic=count.stat,
        period=count.period,
    )
