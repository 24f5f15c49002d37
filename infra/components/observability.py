import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

NAMESPACE = "AWS/ApplicationELB"


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    # the parts of the ARNs that metrics are filed under
    balancer: pulumi.Input[str]
    targets: pulumi.Input[str]
    request_timeout_s: int
    # "" tells nobody
    email: str


class Alarms(pulumi.ComponentResource):
    """What a deployment must not cause: ECS watches these alarms and rolls back."""

    topic_arn: pulumi.Output[str]
    names: list[pulumi.Output[str]]

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:observability:Alarms", name, None, opts)
        self._prefix = name
        self._dimensions = {"LoadBalancer": args.balancer, "TargetGroup": args.targets}
        self.topic_arn = self._topic(args.email)
        self.names = [self._errors(), self._latency(args.request_timeout_s)]
        self.register_outputs({"topicArn": self.topic_arn})

    def _topic(self, email: str) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(self._prefix, opts=child)
        if email:
            aws.sns.TopicSubscription(
                self._prefix,
                aws.sns.TopicSubscriptionArgs(topic=topic.arn, protocol="email", endpoint=email),
                opts=child,
            )
        return topic.arn

    def _errors(self) -> pulumi.Output[str]:
        """One answer in twenty is a 5xx, two minutes out of three."""
        query = aws.cloudwatch.MetricAlarmMetricQueryArgs
        alarm = aws.cloudwatch.MetricAlarmArgs(
            metric_queries=[
                query(id="errors", metric=self._metric("HTTPCode_Target_5XX_Count")),
                query(id="requests", metric=self._metric("RequestCount")),
                query(
                    id="share",
                    expression="100 * FILL(errors, 0) / requests",
                    label="5xx answers, %",
                    return_data=True,
                ),
            ],
            threshold=5,
        )
        return self._alarm("errors", alarm)

    def _latency(self, request_timeout_s: int) -> pulumi.Output[str]:
        """One request in a hundred takes half of its deadline, two minutes out of three."""
        alarm = aws.cloudwatch.MetricAlarmArgs(
            namespace=NAMESPACE,
            metric_name="TargetResponseTime",
            dimensions=self._dimensions,
            extended_statistic="p99",
            period=60,
            threshold=request_timeout_s / 2,
        )
        return self._alarm("latency", alarm)

    def _metric(self, name: str) -> aws.cloudwatch.MetricAlarmMetricQueryMetricArgs:
        return aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions=self._dimensions,
            stat="Sum",
            period=60,
        )

    def _alarm(self, role: str, alarm: aws.cloudwatch.MetricAlarmArgs) -> pulumi.Output[str]:
        alarm.comparison_operator = "GreaterThanThreshold"
        alarm.evaluation_periods = 3
        alarm.datapoints_to_alarm = 2
        alarm.treat_missing_data = "notBreaching"
        alarm.alarm_actions = [self.topic_arn]
        alarm.ok_actions = [self.topic_arn]
        return aws.cloudwatch.MetricAlarm(
            f"{self._prefix}-{role}", alarm, opts=pulumi.ResourceOptions(parent=self)
        ).name


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    region: str
    balancer: pulumi.Input[str]
    targets: pulumi.Input[str]


class Dashboard(pulumi.ComponentResource):
    """The load balancer's view of the service on one page."""

    name: pulumi.Output[str]

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:observability:Dashboard", name, None, opts)
        body = pulumi.Output.all(balancer=args.balancer, targets=args.targets).apply(
            lambda parts: _body(args.region, parts)
        )
        dashboard = aws.cloudwatch.Dashboard(
            name,
            aws.cloudwatch.DashboardArgs(dashboard_name=name, dashboard_body=body),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = dashboard.dashboard_name
        self.register_outputs({"name": self.name})


def _body(region: str, parts: Mapping[str, Any]) -> str:
    where = ["TargetGroup", parts["targets"], "LoadBalancer", parts["balancer"]]
    shown = {
        "Requests": [["RequestCount", "Sum"], ["HTTPCode_Target_5XX_Count", "Sum"]],
        "Seconds": [["TargetResponseTime", "p50"], ["TargetResponseTime", "p99"]],
        "Targets": [["HealthyHostCount", "Minimum"], ["UnHealthyHostCount", "Maximum"]],
    }
    widgets = [
        {
            "type": "metric",
            "width": 24,
            "height": 6,
            "properties": {
                "title": title,
                "region": region,
                "period": 60,
                "metrics": [[NAMESPACE, metric, *where, {"stat": stat}] for metric, stat in lines],
            },
        }
        for title, lines in shown.items()
    ]
    return json.dumps({"widgets": widgets})
