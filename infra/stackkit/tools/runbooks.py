"""Writes the runbooks of a stack, one page for each of its alarms: `make runbooks STACK=prod`."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stackkit.alarms.catalogue import table
from stackkit.alarms.cost import COMPOSITE, alarm_cost
from stackkit.alarms.spec import AlarmSpec, Severity, beyond, during
from stackkit.plan.plan import Plan
from stackkit.resources.service_metrics import NAMESPACE
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError
from stackkit.tools.report.prices import Prices
from stackkit.tools.report.stack_report import analyse

FOLDER = Path("runbooks")
INTRODUCTION = f"""\
One page for each alarm of this stack. An alarm of a cause pages as `causes`. An alarm of a symptom
that clients notice pages as `symptoms`, and only while no cause is known. The stack's output
`dashboard` names the dashboard that shows all of them.

The collector beside the service sends the service's metrics once a minute to CloudWatch's namespace
`{NAMESPACE}`, and its traces to X-Ray. With `otlp_endpoint` both go to that endpoint instead; then
create the alarms of the tier Service there, from these pages."""
URGENCY = {
    Severity.PAGE: "A **page**: act now.",
    Severity.TICKET: "A **ticket**: act on a working day.",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make runbooks", usage=argparse.SUPPRESS)
    parser.add_argument("--stack", default="prod", help="read Pulumi.<stack>.yaml")
    stack = parser.parse_args(arguments).stack
    try:
        report = analyse(Path.cwd(), stack, {})
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    wanted = pages(report.numbers, report.prices)
    FOLDER.mkdir(exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    for stale in [file for file in FOLDER.glob("*.md") if file.name not in wanted]:
        stale.unlink()
    print(f"{len(wanted)} pages in {FOLDER.absolute()}")
    return 0


def pages(numbers: Plan, prices: Prices) -> Mapping[str, str]:
    """File name → text."""
    specs = table(numbers)
    found = {f"{spec.name}.md": "\n".join(_page(spec)) for spec in specs}
    return found | {"README.md": "\n".join(_index(specs, numbers.config, prices))}


def _page(spec: AlarmSpec) -> Iterator[str]:
    yield from (f"# {spec.name}", "", f"**{spec.title}.** {spec.meaning}", "")
    yield from (URGENCY[spec.severity], "", "## Measured", "")
    for id, metric in spec.metrics.items():
        by = ", ".join([*metric.of, *(f"{k} {v}" for k, v in metric.fixed.items())])
        yield f"- `{id}`: {metric.namespace} {metric.name}, {metric.statistic}, by {by}"
    if spec.expression:
        yield f"- `{spec.expression}`"
    if spec.across:
        yield f"- {spec.across} of all of them, if there are several"
    yield from ("", f"Fires {beyond(spec.limit)} {during(spec)}: {spec.limit.rationale}.", "")
    yield from ("## What to do", "")
    yield from (f"{number}. {step}" for number, step in enumerate(spec.steps, start=1))
    yield ""


def _index(specs: Sequence[AlarmSpec], settings: Config, prices: Prices) -> Iterator[str]:
    yield from (f"# Runbooks of {settings.name}", "", INTRODUCTION)
    for tier in dict.fromkeys(spec.tier for spec in specs):
        yield from ("", f"## {tier.capitalize()}", "")
        yield from ("| alarm | notifies | fires |", "|---|---|---|")
        for spec in (spec for spec in specs if spec.tier == tier):
            fires = f"{beyond(spec.limit)} {during(spec)}"
            yield f"| [{spec.name}]({spec.name}.md) | {spec.severity} | {fires} |"
    found, metric = alarm_cost(specs, settings), prices.of("alarm")
    yield from ("", "## Cost", "")
    yield (
        f"{found.alarms} alarms, {found.metrics} metrics and {found.composites} composites cost"
        f" ${found.dollars(metric):.2f} a month: ${metric:.2f} for each metric that an alarm"
        f" reads and ${COMPOSITE:.2f} for a composite alarm in {prices.region}. Metrics, logs"
        " and traces themselves are not included."
    )
    yield ""


if __name__ == "__main__":
    sys.exit(main())
