"""What makes a fleet grow and shrink, the same for ECS services and for Auto Scaling groups."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from stackkit.plan.scale_up import STEP_IN_MINUTES, STEP_OUT_MINUTES
from stackkit.plan.thresholds import Steps
from stackkit.resources.edge import Edge
from stackkit.resources.placement import Placement

# namespace and name
REQUESTS = ("AWS/ApplicationELB", "RequestCountPerTarget")
# the two target groups of a canary are as large as the fleet, so that shares of the load add up
BOTH_REQUESTS = "SUM([requests1, requests2])"
# key → how Auto Scaling calls it
PREDICTIVE_MODES = {"forecast": "ForecastOnly", "on": "ForecastAndScale"}
Query = aws.cloudwatch.MetricAlarmMetricQueryArgs
Measured = aws.cloudwatch.MetricAlarmMetricQueryMetricArgs


def request_counts(edge: Edge) -> Mapping[str, Mapping[str, pulumi.Input[str]]]:
    """Id → dimensions of RequestCountPerTarget, of each target group."""
    balancer = edge.balancer.arn_suffix
    return {
        f"requests{number}": {"LoadBalancer": balancer, "TargetGroup": group.arn_suffix}
        for number, group in enumerate(edge.target_groups, start=1)
    }


def requests_label(edge: Edge) -> pulumi.Output[str]:
    """How a policy names the target group whose requests it counts."""
    return pulumi.Output.format(
        "{0}/{1}", edge.balancer.arn_suffix, edge.target_groups[0].arn_suffix
    )


def step_alarm(
    name: str,
    args: Placement,
    step: Steps,
    policy: pulumi.Input[str],
    parent: pulumi.Resource,
    *,
    out: bool,
) -> None:
    """Out: one busy minute suffices. In: five quiet ones in a row, or without any request."""
    alarm = _requests(args.edge)
    alarm.comparison_operator = f"{'Greater' if out else 'Less'}ThanOrEqualToThreshold"
    alarm.threshold = step.out_requests.value if out else step.in_requests.value
    alarm.evaluation_periods = STEP_OUT_MINUTES if out else STEP_IN_MINUTES
    # the load balancer reports nothing without requests
    alarm.treat_missing_data = "notBreaching" if out else "breaching"
    when = f"{alarm.comparison_operator} {alarm.threshold} requests per target and minute"
    alarm.alarm_description = f"Scaling: {when}"
    alarm.alarm_actions = [policy]
    role = "step-out" if out else "step-in"
    options = pulumi.ResourceOptions(parent=parent)
    aws.cloudwatch.MetricAlarm(f"{name}-{role}", alarm, opts=options)


def _requests(edge: Edge) -> aws.cloudwatch.MetricAlarmArgs:
    """The metric itself if there is one target group, and a sum otherwise."""
    counts = {
        id: Measured(
            namespace=REQUESTS[0], metric_name=REQUESTS[1], dimensions=by, stat="Sum", period=60
        )
        for id, by in request_counts(edge).items()
    }
    if len(counts) > 1:
        queries = [Query(id=id, metric=count) for id, count in counts.items()]
        queries.append(Query(id="result", expression=BOTH_REQUESTS, return_data=True))
        return aws.cloudwatch.MetricAlarmArgs(metric_queries=queries)
    [count] = counts.values()
    return alarm_on(count)


def alarm_on(metric: Measured) -> aws.cloudwatch.MetricAlarmArgs:
    """An alarm on the metric itself, without an expression."""
    percentile = str(metric.stat).startswith("p")
    return aws.cloudwatch.MetricAlarmArgs(
        namespace=metric.namespace,
        metric_name=metric.metric_name,
        dimensions=metric.dimensions,
        extended_statistic=metric.stat if percentile else None,
        statistic=None if percentile else metric.stat,
        period=metric.period,
    )
