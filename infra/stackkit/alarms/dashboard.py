import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.alarms.dashboard_body import body
from stackkit.alarms.panels import DashboardSection
from stackkit.resources.monitored import MonitoredResource, ResourceNames


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    region: str
    sections: Sequence[DashboardSection]
    # resource → its names, for the dimensions
    resource_names: ResourceNames
    # where the runbooks are read
    runbooks: str


class Dashboard(pulumi.ComponentResource):
    """What is watched, on one page: clients first, then each tier, with the plan's limits."""

    name: pulumi.Output[str]

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:watching:Dashboard", name, None, opts)

        def written(known: Mapping[str, Sequence[str]]) -> str:
            names = {MonitoredResource(part): found for part, found in known.items()}
            return json.dumps(body(args.sections, names, args.region, args.runbooks))

        resource_names = {
            part.value: pulumi.Output.all(*found) for part, found in args.resource_names.items()
        }
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=name,
            dashboard_body=pulumi.Output.all(**resource_names).apply(written),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = dashboard.dashboard_name
        self.register_outputs({"name": self.name})
