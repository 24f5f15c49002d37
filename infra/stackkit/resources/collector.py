from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.collector_config import HEADERS, for_cloudwatch, for_endpoint
from stackkit.resources.component import Component
from stackkit.resources.policies import Statement, allow, may_log
from stackkit.settings.config import Config

NAME = "collector"
# the image's own user
USER = "4317"
# a thirtieth of a vCPU: 30 traces a second and a scrape a minute take half of it in AWS's
# performance report of the collector
CPU_UNITS = 32
CONFIGURATION = "AOT_CONFIG_CONTENT"


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    settings: Config
    region: str
    # by digest, in the stack's repository
    image: pulumi.Input[str]


class Collector(Component):
    """Sends the service's metrics and traces on; losing it loses nothing else."""

    image: pulumi.Input[str]
    configuration: pulumi.Output[str]
    secrets: Mapping[str, str]
    permissions: Sequence[Statement]

    def __init__(self, name: str, args: CollectorArgs) -> None:
        super().__init__("service:watching:Collector", name)
        endpoint, headers = args.settings.otlp_endpoint, args.settings.otlp_headers
        self.image = args.image
        self.secrets = {HEADERS: headers} if headers else {}
        self.permissions = []
        if endpoint:
            own = for_endpoint(name, endpoint, bool(headers))
            self.configuration = pulumi.Output.json_dumps(own)
        else:
            self.configuration = self._cloudwatch(name, args)
        self.register_outputs({})

    def _cloudwatch(self, name: str, args: CollectorArgs) -> pulumi.Output[str]:
        group = aws.cloudwatch.LogGroup(
            f"{name}-metrics",
            retention_in_days=args.settings.log_days,
            opts=self._child,
        )
        self.permissions = [
            # metrics travel as log events in the embedded metric format
            may_log(group.arn),
            # X-Ray has no resources to name
            allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"]),
        ]
        fast = "in_flight" in args.settings.scaling_policies
        return pulumi.Output.json_dumps(
            group.name.apply(lambda known: for_cloudwatch(name, args.region, known, fast))
        )
