"""A run as lines of text and as one page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from operator import attrgetter

import htpy as h

from stackkit.settings.errors import ConfigError
from stackkit.tools.chart import Chart, Curve, draw
from stackkit.tools.page import Section, key_figures, listed, mark, page
from stackkit.tools.report import cost
from stackkit.tools.report.columns import hung, indented
from stackkit.tools.report.stack_report import StackReport
from stackkit.tools.simulate.findings import Finding, span
from stackkit.tools.simulate.policies import IN_SHARE
from stackkit.tools.simulate.run import SimulationRun, Tick
from stackkit.tools.simulate.traffic import HOUR, TICK_S

MODEL = (
    "This is a model of what AWS documents: alarms, cooldowns, warm-ups and bounds, with the plan's"
    " capacity of a task, which is as good as its measurement. Starts take a fixed time. It leaves"
    " out failing tasks and zones, deployments, Spot, slow caches and databases, a load balancer"
    " that has to grow itself, clients that ask again and the account's quotas; and where target"
    " tracking may shrink a fleet in several steps, here it takes one."
)
# points of a line: more than a phone has pixels
_POINTS = 430


@dataclass(frozen=True, kw_only=True)
class SimulationReport:
    stack: StackReport
    run: SimulationRun
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
    def load(self) -> str:
        rates = self.run.trace.rates
        return f"{span(self.run.trace.seconds)}, {min(rates):,.0f} to {max(rates):,.0f} requests/s"

    @property
    def task_dollars(self) -> float | None:
        """Of an hour; None where prices are missing."""
        try:
            prices = self.stack.known_prices
            return cost.task_hour(self.stack.settings, self.stack.numbers, prices)
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
        dated = f"at prices of {self.stack.known_prices.as_of} (an estimate)"
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
    sections = [
        Section(title="What it shows", body=[figures, found, warnings]),
        *(Section(title=chart.title, body=draw(chart)) for chart in _charts(report)),
        Section(title="A model", body=h.p[MODEL]),
    ]
    intro = (
        f"{report.load} on {report.fleet}. {run.setup.first:,} tasks serve at the start."
        f" {report.paid}."
    )
    return page(report.title, intro, sections)


def _charts(report: SimulationReport) -> Sequence[Chart]:
    run, setup, dollars = report.run, report.run.setup, report.task_dollars
    width = max(1, -(-len(run.ticks) // _POINTS))
    bins = [run.ticks[start : start + width] for start in range(0, len(run.ticks), width)]

    def means(value: Callable[[Tick], float]) -> list[float]:
        return [sum(map(value, one)) / len(one) for one in bins]

    hours = [one[0].second / HOUR for one in bins]
    short = hours[-1] < 6
    chart = partial(
        Chart,
        xs=[hour * 60 for hour in hours] if short else hours,
        x_unit="minutes" if short else "hours",
    )
    names = ("load", "capacity", "shed", "desired", "serving", "utilisation")
    load, capacity, shed, asked, serving, used = (means(attrgetter(name)) for name in names)
    target, price = float(report.stack.settings.utilisation_percent), dollars or 1
    paid = accumulate(sum(tick.tasks for tick in one) * TICK_S / HOUR * price for one in bins)
    flat = [setup.maximum * (hour - hours[0]) * price for hour in hours]
    bounds = (("minimum", setup.minimum), ("maximum", setup.maximum))
    return (
        chart(
            title="Load and capacity",
            caption="Requests a second that arrived, and that the fleet could serve.",
            unit="requests/s",
            curves=(
                # below the others, whose lines cover its outline
                Curve("shed", "bad", list(map(max, load, capacity)), fill_to=capacity),
                Curve("capacity", "first", capacity),
                Curve("load", "second", load),
            ),
        ),
        chart(
            title="Tasks",
            caption="Desired by the policies, and serving.",
            unit="tasks",
            curves=(
                Curve("asked for", "second", asked, dashed=True),
                Curve("serving", "first", serving),
            ),
            levels=[(f"{name} {bound:,}", bound) for name, bound in bounds],
        ),
        chart(
            title="Utilisation",
            caption="Load over the capacity that serves; three minutes above the target add tasks.",
            unit="%",
            curves=(Curve("used", "first", used),),
            levels=[("target", target), ("shrinks below", target * IN_SHARE)],
            top=105,
        ),
        chart(
            title="Requests shed",
            caption="Requests above the capacity, which got a 503.",
            unit="requests/s",
            curves=(Curve("shed", "bad", shed, fill_to=[0.0] * len(shed)),),
            top=1.1 * (max(shed) or max(load) or 1),
        ),
        chart(
            title="Task-hours and their cost",
            caption="The sum so far, beside a fleet of one size.",
            unit="task-hours" if dollars is None else "US dollars",
            curves=(
                Curve("at the maximum", "muted", flat, dashed=True),
                Curve("this fleet", "first", list(paid)),
            ),
        ),
    )
