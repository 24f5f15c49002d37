"""The dashboard in CloudWatch's format: symptoms on top, causes below."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.alarms.panels import Panel, Sections
from stackkit.alarms.series import RESULT, combined, expressions, named, numbered
from stackkit.resources.component import Component
from stackkit.resources.monitored import MonitoredResource, ResourceNames

Widget = dict[str, Any]
Names = Mapping[MonitoredResource, Sequence[str]]
# CloudWatch's grid has 24 columns
COLUMNS = 24
HEIGHT = 6
_TITLE = 1


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    region: str
    sections: Sections
    # resource → its names, for the dimensions
    resource_names: ResourceNames
    # where the runbooks are read
    runbooks: str


class Dashboard(Component):
    """A stack's metrics on one page: clients first, then each tier, with the plan's limits."""

    name: pulumi.Output[str]

    def __init__(self, name: str, args: DashboardArgs) -> None:
        super().__init__("service:watching:Dashboard", name)

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
            opts=self._child,
        )
        self.name = dashboard.dashboard_name
        self.register_outputs({"name": self.name})


def body(sections: Sections, names: Names, region: str, runbooks: str) -> Widget:
    widgets: list[Widget] = []
    top = 0
    for title, panels in sections.items():
        heading = f"## {title}"
        if not widgets:
            heading += f" · runbooks: {runbooks}"
        widgets.append(_text(heading, top))
        top += _TITLE
        widgets += _grid(panels, names, region, top)
        top += HEIGHT * -(-len(panels) // _across(panels))
    return {"widgets": widgets}


def _across(panels: Sequence[Panel]) -> int:
    return 3 if len(panels) % 4 else 4


def _text(markdown: str, top: int) -> Widget:
    place = {"x": 0, "y": top, "width": COLUMNS, "height": _TITLE}
    return {"type": "text", **place, "properties": {"markdown": markdown}}


def _grid(panels: Sequence[Panel], names: Names, region: str, top: int) -> Iterator[Widget]:
    across = _across(panels)
    width = COLUMNS // across
    for index, panel in enumerate(panels):
        row, column = divmod(index, across)
        yield {
            "type": "metric",
            "x": column * width,
            "y": top + row * HEIGHT,
            "width": width,
            "height": HEIGHT,
            "properties": {
                "title": panel.title,
                "region": region,
                "view": "timeSeries",
                "period": panel.period_s,
                "metrics": list(_lines(panel, names)),
                "yAxis": {"left": {"label": panel.unit, "showUnits": False, "min": 0}},
                "annotations": {"horizontal": list(_limits(panel))},
            },
        }


def _lines(panel: Panel, names: Names) -> Iterator[list[Any]]:
    """The metrics, or what is made of them; then they themselves are hidden."""
    series = {id: named(metric, names) for id, metric in panel.metrics.items()}
    if panel.expression:
        for id, expression in expressions(panel.expression, panel.across, series):
            hidden = {} if id == RESULT else {"visible": False}
            yield [{"expression": expression, "label": panel.title, "id": id} | hidden]
    elif panel.across == "SUM" and len(next(iter(series.values()))) > 1:
        yield [{"expression": combined("SUM", series), "label": panel.title, "id": RESULT}]
    for kind, found in series.items():
        metric = panel.metrics[kind]
        for id, dimensions in numbered(kind, found):
            options = {"stat": metric.statistic, "id": id, "label": id}
            hidden = {"visible": False} if panel.expression else {}
            by = chain.from_iterable(sorted(dimensions.items()))
            yield [metric.namespace, metric.name, *by, options | hidden]


def _limits(panel: Panel) -> Iterator[dict[str, Any]]:
    for label, value in panel.limits.items():
        yield {"label": label, "value": value, "color": "#d62728"}
