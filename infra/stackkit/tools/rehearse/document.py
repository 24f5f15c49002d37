"""The page of a rehearsal, for a design review: what would be there, and what is known of it."""

from collections.abc import Iterator, Sequence
from datetime import date

import htpy as h

from stackkit.alarms.catalogue import table as alarms
from stackkit.alarms.spec import beyond, during
from stackkit.plan import plan
from stackkit.tools.page import Section, key_figures, listed, mark, page, table
from stackkit.tools.rehearse import pictures
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.program import Rehearsal
from stackkit.tools.rehearse.summary import LIMITS, at_fault, made, tiers
from stackkit.tools.rehearse.suppressions import suppressions
from stackkit.tools.rehearse.validate import CheckResult


def document(
    run: Rehearsal, snapshot: AccountSnapshot, results: Sequence[CheckResult], numbers: plan.Plan
) -> str:
    settings = numbers.config
    host = settings.domain or next((b["DNSName"] for b in snapshot.balancers), "")
    # no dashboard where it needs what AWS refused
    graphs = pictures.dashboard(snapshot) if snapshot.dashboards else None
    sections = {
        "Refused": _refused(run) if run.failures else None,
        "What would be there": pictures.architecture(snapshot, host),
        "Settings that matter": table(["tier", "what", "settings"], tiers(snapshot)),
        "Checks": table(["", "check"], map(_verdict, results)),
        "Numbers and their reasons": _numbers(numbers),
        "Alarms and dashboard": [graphs, _alarms(numbers)],
        "Accepted findings": [
            h.p["What cfn-lint and checkov find in a stack like this one, and why it stays."],
            table(["rule", "where", "reason"], suppressions(settings)),
        ],
        "Not judged": _not_judged(run),
        "What this can't show": h.p[LIMITS],
        "Under load": _under_load(settings.stack),
    }
    return page(
        f"{settings.name} in {run.account.region}",
        f"Rehearsed in a simulated account: {made(run)}. {_outcome(run, results)}",
        [Section(title=title, body=part) for title, part in sections.items() if part],
        foot=f"Written by `make rehearse` on {date.today():%d %B %Y}; no AWS account was asked.",
    )


def _outcome(run: Rehearsal, results: Sequence[CheckResult]) -> str:
    bad = len([result for result in results if result.problems])
    missed = len([result for result in results if result.missing_input])
    refused, every = len(run.failures), len(results)
    if not bad + missed + refused:
        return f"All {every} checks hold."
    return f"{refused} refused; of {every} checks {bad} fail and {missed} could not be made."


def _verdict(result: CheckResult) -> Sequence[h.Node]:
    if result.missing_input:
        return mark("warn", "not judged"), f"{result.subject} (no {result.missing_input} made)"
    if result.problems:
        return mark("bad", "fails"), [result.subject, listed(result.problems)]
    return mark("good", "holds"), result.subject


def _refused(run: Rehearsal) -> h.Node:
    rows = []
    for failure in run.failures:
        values = listed(h.code[f"{key} = {value!r}"] for key, value in at_fault(failure)[:12])
        rows.append([failure.name, failure.type, failure.message, values])
    skipped = run.skipped_resources.items()
    return [
        table(["resource", "type", "message", "input"], rows),
        listed(f"{name} was not tried: it needs {needed}" for name, needed in skipped),
    ]


def _numbers(numbers: plan.Plan) -> h.Node:
    workload, fleet = numbers.config, numbers.fleet
    figures = [
        ("requests in flight at the peak", f"{workload.peak_in_flight:,}"),
        ("mean latency", f"{workload.latency_ms:,} ms"),
        ("tasks", f"{fleet.minimum.value:,} to {fleet.maximum.value:,}"),
        ("database connections of a worker", f"{numbers.pools.database.value:,}"),
        ("a request's deadline", f"{numbers.timeouts.request.value:,} s"),
    ]
    derived = (
        (name.replace(".", ": ").replace("_", " "), *number.shown, number.rationale)
        for name, number in plan.numbers(numbers)
    )
    return [
        key_figures(figures),
        h.h3["Derived"],
        table(["number", "value", "unit", "reason"], derived, numbers=["value"]),
        h.h3["Limits"],
        table(["limit", "needed", "of", "reason"], _limits(numbers), numbers=["needed", "of"]),
    ]


def _limits(numbers: plan.Plan) -> Iterator[Sequence[h.Node]]:
    for check in numbers.checks:
        ask = [mark("warn", "ask AWS to raise it"), " "] if check.needed > check.limit else None
        yield check.subject, f"{check.needed:,}", f"{check.limit:,}", [ask, check.rationale]


def _alarms(numbers: plan.Plan) -> h.Element:
    return table(
        ["alarm", "notifies", "fires", "reason"],
        (
            [a.name, a.severity, f"{beyond(a.limit)} {during(a)}", a.limit.rationale]
            for a in alarms(numbers)
        ),
    )


def _under_load(stack: str) -> h.Node:
    name = f"simulation-{stack}-flash.html"
    return h.p[
        "How the fleet follows traffic: ",
        h.a(href=f"../../reports/{name}")[name],
        f", which `make simulate STACK={stack} SHAPE=flash` writes.",
    ]


def _not_judged(run: Rehearsal) -> h.Node:
    unsupported = run.account.unsupported().items()
    return [
        h.p["Compared with AWS's API model only:"],
        listed(f"{why} ({', '.join(names)})" for why, names in unsupported) or "none",
        h.p["Assumed to exist before the first `pulumi up`:"] if run.prerequisites else None,
        listed(run.prerequisites),
    ]
