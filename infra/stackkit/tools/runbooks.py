"""Writes the runbooks: a page for each row of the table, and a list of them: `make runbooks`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stackkit.alarms.catalogue import table
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.cost import COMPOSITE, alarm_cost
from stackkit.alarms.spec import AlarmSpec, Severity, beyond, during
from stackkit.plan import plan
from stackkit.resources.service_metrics import NAMESPACE
from stackkit.settings.load import parse
from stackkit.tools.report.prices import read_prices

FOLDER = Path("runbooks")
# config's defaults, which are production's, and what has none
COMPLETE = {
    "domain": "api.example.com",
    "upstream_url": "https://up.example.com",
    "database_replicas": 1,
}
REGION = "us-east-1"
INTRODUCTION = f"""\
One page for each alarm. A failure below the service pages by itself, as `causes`; what clients
notice pages as `symptoms`, and only while no cause is known. `pulumi stack output dashboard` names
the dashboard that shows all of it.

What the service counts comes by the collector beside it: each task's totals, once a minute, in
CloudWatch's namespace `{NAMESPACE}`; traces are in X-Ray. With `otlp_endpoint` both go there
instead, and the alarms of the tier Service are to be made there, from these pages."""
COMPUTE = {"fargate": "Fargate", "ec2": "EC2"}
URGENCY = {
    Severity.PAGE: "A **page**: somebody looks now.",
    Severity.TICKET: "A **ticket**: somebody looks on a working day.",
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    for stale in [file for file in FOLDER.glob("*.md") if file.name not in wanted]:
        stale.unlink()
    print(f"{len(wanted)} pages in {FOLDER}")


def pages() -> Mapping[str, str]:
    """File name → text."""
    tables = {compute: table(context(compute)) for compute in COMPUTE}
    variants: dict[str, dict[str, AlarmSpec]] = {}
    for compute, rows in tables.items():
        for row in rows:
            variants.setdefault(row.name, {})[compute] = row
    found = {f"{name}.md": "\n".join(_page(name, rows)) for name, rows in variants.items()}
    return found | {"README.md": "\n".join(_list(variants))}


def context(compute: str, tier: str = "prod") -> AlarmContext:
    values = {**COMPLETE, "tier": tier, "compute": compute}
    settings = parse("service", tier, values)
    return AlarmContext(settings, plan.derive(settings))


def _page(name: str, rows: Mapping[str, AlarmSpec]) -> Iterator[str]:
    first = next(iter(rows.values()))
    yield from (f"# {name}", "", f"**{first.title}.** {first.meaning}", "", URGENCY[first.severity])
    for compute, row in _different(rows).items():
        yield from ("", f"## {_measured(compute, rows)}", "", *_measure(row))
    yield from ("", "## What to do", "")
    yield from (f"{number}. {step}" for number, step in enumerate(first.steps, start=1))
    yield from ("", "Written by `make runbooks` from infra/watching; edit it there.", "")


def _different(rows: Mapping[str, AlarmSpec]) -> Mapping[str, AlarmSpec]:
    """One of each; Fargate's stands for both where they measure the same."""
    first = next(iter(rows.values()))
    return {compute: row for compute, row in rows.items() if row is first or row != first}


def _measured(compute: str, rows: Mapping[str, AlarmSpec]) -> str:
    both = len(_different(rows)) > 1
    return f"Measured on {COMPUTE[compute]}" if both or len(rows) == 1 else "Measured"


def _measure(row: AlarmSpec) -> Iterator[str]:
    for id, metric in row.metrics.items():
        by = ", ".join([*metric.of, *(f"{k} {v}" for k, v in metric.fixed.items())])
        yield f"- `{id}`: {metric.namespace} {metric.name}, {metric.statistic}, by {by}"
    if row.expression:
        yield f"- `{row.expression}`"
    elif row.across:
        yield f"- {row.across} of all of them"
    yield ""
    yield f"Fires {beyond(row.limit)} {during(row)}: {row.limit.rationale}."
    yield ""
    yield "The number is that of production's defaults; the alarm has your stack's."


def _list(variants: Mapping[str, Mapping[str, AlarmSpec]]) -> Iterator[str]:
    yield from ("# Runbooks", "")
    yield INTRODUCTION
    tier = ""
    firsts = {name: next(iter(rows.values())) for name, rows in variants.items()}
    tiers = list(dict.fromkeys(row.tier for row in firsts.values()))
    for name, row in sorted(firsts.items(), key=lambda item: tiers.index(item[1].tier)):
        rows = variants[name]
        if row.tier != tier:
            tier = row.tier
            yield from ("", f"## {tier.capitalize()}", "")
            yield from ("| alarm | tells | fires |", "|---|---|---|")
        only = f" ({COMPUTE[next(iter(rows))]} only)" if len(rows) == 1 else ""
        yield f"| [{name}]({name}.md){only} | {row.severity} | {beyond(row.limit)} {during(row)} |"
    yield from ("", "## Cost", "")
    metric = read_prices(REGION).of("alarm")
    for tier in ("prod", "dev"):
        yield _costs(tier, context("fargate", tier), metric)
    yield ""
    yield f"at ${metric:.2f} for each metric that an alarm reads and ${COMPOSITE:.2f} for a"
    yield f"composite alarm, in {REGION}; metrics, logs and traces themselves are not in it."
    yield from ("", "Written by `make runbooks` from infra/watching; edit it there.", "")


def _costs(tier: str, known: AlarmContext, metric: float) -> str:
    found = alarm_cost(table(known), known)
    return (
        f"- {tier}: {found.alarms} alarms, {found.metrics} metrics and {found.composites}"
        f" composites, ${found.dollars(metric):.2f} a month"
    )


if __name__ == "__main__":
    main()
