"""One failure, one page."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from stackkit.alarms.spec import AlarmSpec, Severity
from stackkit.resources.component import Component

# tiers of symptoms that clients notice; the others are causes
SYMPTOMS = ("edge", "objective", "service")
# a cause may be measured a little later than what it does
WAIT_S = 120
# and is over a little earlier
EXTENSION_S = 300
Suppressor = aws.cloudwatch.CompositeAlarmActionsSuppressorArgs


class Paging(Component):
    """Pages for a cause, and for symptoms only while no cause is known."""

    def __init__(
        self,
        name: str,
        rows: Sequence[AlarmSpec],
        alarms: Mapping[str, Sequence[pulumi.Output[str]]],
        topic_arn: pulumi.Input[str],
    ) -> None:
        """`alarms`: row → those that must all be on."""
        super().__init__("service:watching:Paging", name)
        self._rows = [row for row in rows if row.severity is Severity.PAGE]
        self._alarms, self._topic_arn = alarms, topic_arn
        causes = self._composite(f"{name}-causes", "Something below the service fails.", False)
        suppressor = Suppressor(
            alarm=causes.alarm_name, wait_period=WAIT_S, extension_period=EXTENSION_S
        )
        self._composite(
            f"{name}-symptoms",
            "Clients notice. This pages only while no cause is known.",
            True,
            suppressor,
        )
        self.register_outputs({})

    def _composite(
        self, name: str, what: str, symptoms: bool, suppressor: Suppressor | None = None
    ) -> aws.cloudwatch.CompositeAlarm:
        rows = [row for row in self._rows if (row.tier in SYMPTOMS) is symptoms]
        return aws.cloudwatch.CompositeAlarm(
            name,
            alarm_name=name,
            alarm_description=f"{what} The alarms that are on name their runbooks.",
            alarm_rule=self._rule(rows),
            alarm_actions=[self._topic_arn],
            ok_actions=[self._topic_arn],
            actions_suppressor=suppressor,
            opts=self._child,
        )

    def _rule(self, rows: Sequence[AlarmSpec]) -> pulumi.Output[str]:
        groups = [pulumi.Output.all(*self._alarms[row.name]) for row in rows]
        return pulumi.Output.all(*groups).apply(
            lambda named: " OR ".join(_together(names) for names in named)
        )


def _together(names: Sequence[str]) -> str:
    rule = " AND ".join(f'ALARM("{name}")' for name in names)
    return f"({rule})" if len(names) > 1 else rule
