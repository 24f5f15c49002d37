"""A run as lines of text and as one page."""

from collections.abc import Iterator
from dataclasses import dataclass

import htpy as h

from stackkit.settings.errors import ConfigError
from stackkit.tools.chart import draw
from stackkit.tools.page import Section, key_figures, listed, mark, page
from stackkit.tools.report import cost
from stackkit.tools.report.columns import hung, indented
from stackkit.tools.report.stack_report import StackReport
from stackkit.tools.simulate.charts import charts
from stackkit.tools.simulate.findings import Finding, span
from stackkit.tools.simulate.run import SimulationRun
from stackkit.tools.simulate.traffic import HOUR

MODEL = (
    "This is a model of what AWS documents: alarms, cooldowns, warm-ups and bounds, with the plan's"
    " capacity of a task, which is as good as its measurement. Starts take a fixed time. It leaves"
    " out failing tasks and zones, deployments, Spot, slow caches and databases, a load balancer"
    " that has to grow itself, clients that ask again and the account's quotas; and where target"
    " tracking may shrink a fleet in several steps, here it takes one."
)


@dataclass(frozen=True, kw_only=True)
class SimulationReport:
    stack: StackReport
    run: SimulationRun
    findings: list[Finding]

    @property
    def title(self) -> str:
        return f"{self.stack.numbers.config.name} under {self.run.trace.name}"

    @property
    def fleet(self) -> str:
        settings, setup = self.stack.numbers.config, self.run.setup
        return (
            f"{settings.compute}, {setup.minimum:,} to {setup.maximum:,} tasks of"
            f" {setup.task_rate:,.0f} requests/s, following {', '.join(settings.scaling_policies)}"
        )

    @property
    def load(self) -> str:
        rates = self.run.trace.rates
        return f"{span(self.run.trace.seconds)}, {min(rates):,.0f} to {max(rates):,.0f} requests/s"

    @property
    def task_dollars(self) -> float | None:
        """Of an hour; None where prices are missing."""
        try:
            return cost.task_hour(self.stack.numbers.config, self.stack.prices)
        except ConfigError:
            return None

    @property
    def paid(self) -> str:
        run, each = self.run, self.task_dollars
        hours = f"{run.task_hours:,.0f} task-hours"
        share = run.task_hours / (run.setup.maximum * run.trace.seconds / HOUR)
        beside = f"{100 * share:.0f} % of the maximum all the time"
        if each is None:
            return f"{hours}, {beside}; their price is unknown"
        dated = (
            f"at prices of {self.stack.prices.region} of {self.stack.prices.as_of} (an estimate)"
        )
        return f"{hours}, ${run.task_hours * each:,.2f} {dated}, {beside}"


def text(report: SimulationReport) -> Iterator[str]:
    run = report.run
    yield report.title
    for warning in report.stack.warnings:
        yield from indented(f"Warning: {warning}")
    (fewest, most), grown = run.serving, sum(change.grows for change in run.changes)
    for name, value in (
        ("fleet", report.fleet),
        ("trace", report.load),
        ("requests", f"{run.requests:,}, of which shed {run.shed:,} ({run.shed_percent:.2g} %)"),
        ("tasks serving", f"{fewest:,} to {most:,}, used {run.utilisation:.0f} %"),
        ("decisions", f"{grown:,} to grow, {len(run.changes) - grown:,} to shrink"),
        ("paid", report.paid),
    ):
        yield from hung(f"  {name:<16} ", value)
    for one in report.findings:
        yield from hung(f"  {one.kind:<5} {one.subject:<10} ", one.sentence)
    yield from indented(MODEL)


def html(report: SimulationReport) -> str:
    run, (fewest, most) = report.run, report.run.serving
    figures = key_figures(
        [
            ("requests shed", f"{run.shed_percent:.2g} %"),
            ("tasks serving", f"{fewest:,} to {most:,}"),
            ("of their capacity used", f"{run.utilisation:.0f} %"),
            ("task-hours", f"{run.task_hours:,.0f}"),
        ]
    )
    found = listed([mark(one.kind, one.subject), " ", one.sentence] for one in report.findings)
    warnings = [h.p[f"Warning: {warning}"] for warning in report.stack.warnings]
    target = float(report.stack.numbers.config.utilisation_percent)
    drawn = charts(run, target, report.task_dollars)
    sections = [
        Section(title="What it shows", body=[figures, found, warnings]),
        *(Section(title=chart.title, body=draw(chart)) for chart in drawn),
        Section(title="A model", body=h.p[MODEL]),
    ]
    intro = (
        f"{report.load} on {report.fleet}. {run.setup.first:,} tasks serve at the start."
        f" {report.paid}."
    )
    return page(report.title, intro, sections)
