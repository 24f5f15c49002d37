"""CloudWatch alarms, made of rows of the table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pulumi
import pulumi_aws as aws

from stackkit.alarms.series import RESULT, expressions, named, numbered
from stackkit.alarms.spec import AlarmSpec, Severity
from stackkit.alarms.topics import Topics
from stackkit.resources.component import Component
from stackkit.resources.monitored import ResourceNames
from stackkit.resources.scaling import Measured, Query, alarm_on
from stackkit.settings.config import Config


class Alarms(Component):
    """One alarm for each row, or two where a shorter window must agree."""

    # row → its alarms, which must all be on
    names: Mapping[str, Sequence[pulumi.Output[str]]]

    def __init__(
        self,
        name: str,
        settings: Config,
        rows: Sequence[AlarmSpec],
        topics: Topics,
        resource_names: ResourceNames,
        limits: Mapping[str, pulumi.Input[float]],
    ) -> None:
        """`limits` are those that AWS moves by itself: row → what it is now."""
        super().__init__("service:watching:Alarms", name)
        self._settings, self._resource_names, self._limits = settings, resource_names, limits
        self._topics = dict(topics.arns)
        if settings.production:
            # composites page, so that one failure is one page
            del self._topics[Severity.PAGE]
        self.names = {row.name: [self._alarm(*each) for each in _windows(row)] for row in rows}
        self.register_outputs({})

    def _alarm(self, name: str, row: AlarmSpec) -> pulumi.Output[str]:
        # half of a pair says nothing alone
        topic = None if row.short else self._topics.get(row.severity)
        alarm = _measure(row, self._resource_names)
        runbook = f"{self._settings.runbooks}/{row.name}.md"
        alarm.alarm_description = f"{row.title}. {row.meaning} Runbook: {runbook}"
        alarm.comparison_operator = f"{'Greater' if row.limit.above else 'Less'}ThanThreshold"
        alarm.threshold = self._limits.get(row.name, row.limit.value)
        alarm.evaluation_periods = row.window.periods
        alarm.datapoints_to_alarm = row.window.breaching
        alarm.treat_missing_data = "breaching" if row.missing_is_breaching else "notBreaching"
        alarm.alarm_actions = [topic] if topic else None
        alarm.ok_actions = [topic] if topic else None
        full = f"{self._settings.name}-{name}"
        return aws.cloudwatch.MetricAlarm(full, alarm, opts=self._child).name


def _windows(row: AlarmSpec) -> Iterator[tuple[str, AlarmSpec]]:
    yield row.name, row
    if row.short:
        yield f"{row.name}-short", replace(row, window=row.short)


def _measure(row: AlarmSpec, resource_names: ResourceNames) -> aws.cloudwatch.MetricAlarmArgs:
    """The metric itself if it is one, and an expression otherwise."""
    series = {id: named(metric, resource_names) for id, metric in row.metrics.items()}
    measured = {
        id: Measured(
            namespace=row.metrics[kind].namespace,
            metric_name=row.metrics[kind].name,
            dimensions=dimensions,
            stat=row.metrics[kind].statistic,
            period=row.window.period_s,
        )
        for kind, found in series.items()
        for id, dimensions in numbered(kind, found)
    }
    if not row.expression and len(measured) == 1:
        return alarm_on(*measured.values())
    queries = [Query(id=id, metric=metric) for id, metric in measured.items()]
    results = [
        Query(id=id, expression=expression, label=row.limit.unit, return_data=id == RESULT)
        for id, expression in expressions(row.expression, row.across, series)
    ]
    return aws.cloudwatch.MetricAlarmArgs(metric_queries=[*queries, *results])
