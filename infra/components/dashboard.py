import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

NAMESPACE = "AWS/ApplicationELB"


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
