"""The page of a rehearsal, for a design review: what would be there, and what is known of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from htpy import Node, a, code, h3, li, p, ul

from stackkit.alarms.catalogue import table as alarms
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import beyond, during
from stackkit.plan import plan
from stackkit.settings.config import Config
from stackkit.tools.page import Section, key_figures, mark, page, picture, table
from stackkit.tools.rehearse import architecture, dashboard
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.diagram import read_diagram
from stackkit.tools.rehearse.program import Rehearsal
from stackkit.tools.rehearse.summary import LIMITS, at_fault, made, tiers
from stackkit.tools.rehearse.suppressions import suppressions
from stackkit.tools.rehearse.validate import CheckResult


@dataclass(frozen=True, kw_only=True)
class RehearsalReport:
    """All that a page is made of."""

    run: Rehearsal
    snapshot: AccountSnapshot
    results: Sequence[CheckResult]
    settings: Config
    numbers: plan.Plan


def document(rehearsed: RehearsalReport) -> str:
    run, settings = rehearsed.run, rehearsed.settings
    region = run.account.region
    sections = {
        "Refused": _refused(run) if run.failures else None,
        "What would be there": _pictures(rehearsed),
        "Settings that matter": table(["tier", "what", "settings"], _settings(rehearsed.snapshot)),
        "Checks": table(["", "check"], map(_verdict, rehearsed.results)),
        "Numbers and their reasons": _numbers(rehearsed.numbers),
        "What is watched": _watched(rehearsed),
        "Accepted findings": _findings(settings),
        "Not judged": _not_judged(run),
        "What this can't show": p[LIMITS],
        "Under load": _under_load(settings.stack),
    }
    return page(
        f"{settings.name} in {region}",
        f"Rehearsed in a simulated account: {made(run)}. {_outcome(rehearsed)}",
        [Section(title=title, body=part) for title, part in sections.items() if part],
        foot=f"Written by `make rehearse` on {date.today():%d %B %Y}; no AWS account was asked.",
    )


def _outcome(rehearsed: RehearsalReport) -> str:
    bad = len([result for result in rehearsed.results if result.problems])
    missed = len([result for result in rehearsed.results if result.missing_input])
    refused = len(rehearsed.run.failures)
    every = len(rehearsed.results)
    if not bad + missed + refused:
        return f"All {every} checks hold."
    return f"{refused} refused; of {every} checks {bad} fail and {missed} could not be made."


def _pictures(rehearsed: RehearsalReport) -> Node:
    snapshot, settings = rehearsed.snapshot, rehearsed.settings
    host = settings.domain or next((b["DNSName"] for b in snapshot.balancers), "")
    shown = read_diagram(snapshot, host)
    label = f"The architecture of {settings.name}"
    caption = (
        "Read back from the simulated account. Requests travel down the left side; what the"
        " service asks of others leaves on the right. Arrows carry their ports, columns are zones."
    )
    return [
        picture(architecture.draw(shown, architecture.WIDE, label), caption, kind="wide"),
        picture(architecture.draw(shown, architecture.NARROW, label), caption, kind="narrow"),
    ]


def _settings(snapshot: AccountSnapshot) -> Iterator[Sequence[Node]]:
    before = ""
    for tier, what, detail in tiers(snapshot):
        yield "" if tier == before else tier.capitalize(), what, detail
        before = tier


def _verdict(result: CheckResult) -> Sequence[Node]:
    if result.missing_input:
        return mark("warn", "not judged"), f"{result.subject} (no {result.missing_input} made)"
    if result.problems:
        wrong = ul[(li[problem] for problem in result.problems)]
        return mark("bad", "fails"), [result.subject, wrong]
    return mark("good", "holds"), result.subject


def _refused(run: Rehearsal) -> Node:
    def row(name: str, kind: str, message: str, inputs: Sequence[tuple[str, object]]) -> list[Node]:
        values = ul[(li[code[f"{key} = {value!r}"]] for key, value in inputs[:12])]
        return [name, kind, message, values]

    return [
        table(
            ["resource", "type", "message", "input"],
            (row(f.name, f.type, f.message, at_fault(f)) for f in run.failures),
        ),
        ul[
            (
                li[f"{name} was not tried: it needs {needed}"]
                for name, needed in run.skipped_resources.items()
            )
        ]
        if run.skipped_resources
        else None,
    ]


def _numbers(numbers: plan.Plan) -> Node:
    workload, fleet = numbers.config, numbers.fleet
    return [
        key_figures(
            [
                ("requests in flight at the peak", f"{workload.peak_in_flight:,}"),
                ("mean latency", f"{workload.latency_ms:,} ms"),
                ("tasks", f"{fleet.minimum.value:,} to {fleet.maximum.value:,}"),
                ("database connections of a worker", f"{numbers.pools.database.value:,}"),
                ("a request's deadline", f"{numbers.timeouts.request.value:,} s"),
            ]
        ),
        h3["Derived"],
        table(["number", "value", "unit", "reason"], _derived(numbers), numbers="value"),
        h3["Limits"],
        table(["limit", "needed", "of", "reason"], _limits(numbers), numbers="needed of"),
    ]


def _derived(numbers: plan.Plan) -> Iterator[Sequence[Node]]:
    for name, number in plan.numbers(numbers):
        size = number.unit == "bits"
        value = f"/{number.value}" if size else f"{number.value:,}"
        unit = "" if size else number.unit
        yield name.replace(".", ": ").replace("_", " "), value, unit, number.rationale


def _limits(numbers: plan.Plan) -> Iterator[Sequence[Node]]:
    for check in numbers.checks:
        ask = [mark("warn", "ask AWS to raise it"), " "] if check.needed > check.limit else None
        yield check.subject, f"{check.needed:,}", f"{check.limit:,}", [ask, check.rationale]


def _watched(rehearsed: RehearsalReport) -> Node:
    rows = alarms(AlarmContext(rehearsed.settings, rehearsed.numbers))
    return [
        # none where it needs what AWS refused
        _dashboard(rehearsed) if rehearsed.snapshot.dashboards else None,
        table(
            ["alarm", "notifies", "fires", "reason"],
            (
                [r.name, r.severity, f"{beyond(r.limit)} {during(r)}", r.limit.rationale]
                for r in rows
            ),
        ),
    ]


def _dashboard(rehearsed: RehearsalReport) -> Node:
    widgets = rehearsed.snapshot.dashboards
    label = f"The dashboard of {rehearsed.settings.name}"
    caption = "The dashboard, with the limits that are lines in its graphs; what is on top, first."
    return [
        picture(dashboard.draw(widgets, dashboard.WIDE, label), caption, kind="wide"),
        picture(dashboard.draw(widgets, dashboard.NARROW, label), caption, kind="narrow"),
    ]


def _findings(settings: Config) -> Node:
    return [
        p["What cfn-lint and checkov find in a stack like this one, and why it stays as it is."],
        table(["rule", "where", "reason"], suppressions(settings)),
    ]


def _under_load(stack: str) -> Node:
    page = f"simulation-{stack}-flash.html"
    return p[
        "How the fleet follows traffic: ",
        a(href=f"../../reports/{page}")[page],
        f", which `make simulate STACK={stack} SHAPE=flash` writes.",
    ]


def _not_judged(run: Rehearsal) -> Node:
    unsupported = run.account.unsupported()
    return [
        p["Compared with AWS's API model only:"] if unsupported else None,
        ul[(li[f"{why} ({', '.join(sorted(set(names)))})"] for why, names in unsupported.items())],
        p["Assumed to exist before the first `pulumi up`:"] if run.prerequisites else None,
        ul[(li[what] for what in run.prerequisites)],
    ]
