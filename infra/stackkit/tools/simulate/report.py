"""A run as lines of text and as one page."""

from collections.abc import Iterator
from dataclasses import dataclass

from htpy import Node, li, p, ul

from stackkit.settings.errors import ConfigError
from stackkit.tools.chart import NARROW, WIDE, draw
from stackkit.tools.page import Section, key_figures, mark, page, picture
from stackkit.tools.report import cost
from stackkit.tools.report.columns import hung, indented
from stackkit.tools.report.stack_report import StackReport
from stackkit.tools.simulate.charts import charts
from stackkit.tools.simulate.findings import Finding, span
from stackkit.tools.simulate.run import SimulationRun
from stackkit.tools.simulate.summary import MODEL, Summary


@dataclass(frozen=True, kw_only=True)
class Report:
    stack: StackReport
    run: SimulationRun
    summary: Summary
    findings: list[Finding]

    @property
    def title(self) -> str:
        return f"{self.stack.settings.name} under {self.run.trace.name}"

    @property
    def fleet(self) -> str:
        settings, setup = self.stack.settings, self.run.setup
        return (
            f"{settings.compute}, {setup.minimum:,} to {setup.maximum:,} tasks of"
            f" {setup.task_rate:,.0f} requests/s, following {', '.join(settings.scaling_policies)}"
        )

    @property
    def task_dollars(self) -> float | None:
        """Of an hour; None where prices are missing."""
        report = self.stack
        if report.prices is None:
            return None
        try:
            return cost.task_hour(report.settings, report.numbers, report.prices)
        except ConfigError:
            return None

    @property
    def paid(self) -> str:
        each, prices = self.task_dollars, self.stack.prices
        hours = f"{self.summary.task_hours:,.0f} task-hours"
        share = self.summary.task_hours / self.summary.flat_hours
        beside = f"{100 * share:.0f} % of the maximum all the time"
        if each is None or prices is None:
            return f"{hours}, {beside}; their price is unknown"
        dollars = f"${self.summary.task_hours * each:,.2f}"
        return f"{hours}, {dollars} at prices of {prices.as_of} (an estimate), {beside}"


def text(report: Report) -> Iterator[str]:
    total = report.summary
    yield report.title
    for warning in report.stack.warnings:
        yield from indented(f"Warning: {warning}")
    for name, value in (
        ("fleet", report.fleet),
        (
            "trace",
            f"{span(total.seconds)}, {total.least_rate:,.0f} to {total.most_rate:,.0f} requests/s",
        ),
        (
            "requests",
            f"{total.requests:,}, of which shed {total.shed:,} ({total.shed_percent:.2g} %)",
        ),
        ("tasks serving", f"{total.fewest:,} to {total.most:,}, used {total.utilisation:.0f} %"),
        ("decisions", f"{total.grown:,} to grow, {total.shrunk:,} to shrink"),
        ("paid", report.paid),
    ):
        yield from hung(f"  {name:<16} ", value)
    for one in report.findings:
        yield from hung(f"  {one.kind:<5} {one.subject:<10} ", one.sentence)
    yield from indented(MODEL)


def html(report: Report) -> str:
    total = report.summary
    run, setup = report.run, report.run.setup
    target = report.stack.settings.utilisation_percent
    shown = key_figures(
        [
            ("requests shed", f"{total.shed_percent:.2g} %"),
            ("tasks serving", f"{total.fewest:,} to {total.most:,}"),
            ("of their capacity used", f"{total.utilisation:.0f} %"),
            ("task-hours", f"{total.task_hours:,.0f}"),
        ]
    )
    what = [f"Warning: {warning}" for warning in report.stack.warnings]
    parts = [
        Section(
            title="What it shows", body=[shown, ul[_findings(report)], [p[one] for one in what]]
        )
    ]
    for chart in charts(run, target, report.task_dollars):
        body = [
            picture(draw(chart, WIDE), chart.caption, "wide"),
            picture(draw(chart, NARROW), chart.caption, "narrow"),
        ]
        parts.append(Section(title=chart.title, body=body))
    parts.append(Section(title="A model", body=p[MODEL]))
    rates = f"{total.least_rate:,.0f} to {total.most_rate:,.0f} requests a second"
    intro = (
        f"{span(total.seconds)} of {rates} on {report.fleet}. {setup.first:,} tasks serve at the"
        f" start. {report.paid[0].upper()}{report.paid[1:]}."
    )
    return page(report.title, intro, parts)


def _findings(report: Report) -> Iterator[Node]:
    for one in report.findings:
        yield li[mark(one.kind, one.subject), " ", one.sentence]
