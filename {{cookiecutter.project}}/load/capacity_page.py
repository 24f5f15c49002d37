"""The report of `make capacity`."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

from htpy import Node, fragment, p
from markupsafe import Markup

from load.chart import Line, drawing
from load.findings import Findings
from load.knee import Knee
from load.outcome import NEVER
from load.page import facts, page, picture, table
from load.step import Step
from load.trial import HELD

_COLUMNS = (
    "Requests/s", "in flight", "p50 ms", "p95 ms", "p99 ms", "wrong", "CPU of the worker",
    "CPU of the rest", "foreign CPU", "generator late ms", "",
)  # fmt: skip
_METHOD = (
    "Requests arrive at a constant rate, whatever was answered before, and each latency counts from"
    " the moment at which its request was due: a service that stalls is not asked less. The rate"
    " doubles until the p99 or the errors break the objective; then the gap is halved, in several"
    " searches, and the median counts. The worker has one CPU for itself; generator, PostgreSQL,"
    " Valkey and the upstream share the others."
)


def report(found: Findings, document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    intro = (
        f"Measured on {document['measured_at'][:10]} on one of {machine['cpus']} CPUs"
        f" ({machine['processor']}, {machine['architecture']}), build {document['build']}."
    )
    return page("Capacity of one worker", intro, _sections(found, document))


def _sections(found: Findings, document: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    rate, held, objective = found.rate, found.held, document["objective"]
    yield (
        "What it sustains",
        fragment[
            facts(
                [
                    ("requests/s", f"{rate.middle('rate'):,.0f}"),
                    ("p99 at that rate", f"{rate.middle('p99') * 1000:,.0f} ms"),
                    ("CPU of the worker", f"{document['rate']['cpu_percent']} %"),
                    ("requests in flight", f"{held.middle('in_flight'):,.0f}"),
                ]
            ),
            p[
                f"The objective: p99 within {objective['p99_ms']} ms, beside the time of an"
                " upstream that all wait for, and at most"
                f" {objective['errors_percent']:.1f} % wrong."
            ],
            (
                p(".bad")[f"The machine was noisy. {_sentence(noise)}"]
                for noise in document["noise"]
            ),
        ],
    )
    yield "The mix of the API", _knee(found, rate, "rate", "requests/s")
    yield "Waiting for an upstream", _knee(found, held, "in_flight", "in flight")
    yield "Each step of the mix", _steps(found, rate)
    yield "Each step of waiting", _steps(found, held)
    yield (
        "How it was measured",
        fragment[p[_METHOD], table(["Package", "version"], list(document["versions"].items()))],
    )


def _knee(found: Findings, knee: Knee, figure: str, unit: str) -> Node:
    lowest, highest = min(knee.all(figure)), max(knee.all(figure))
    wait = found.trial_of(knee).wait
    beside = f", beside the {HELD.wait:.0f} s of the upstream" if wait else ""
    return fragment[
        p[
            f"{knee.middle(figure):,.0f} {unit}, {lowest:,.0f} to {highest:,.0f} in"
            f" {len(knee.found)} searches. Its limit is {found.limit(knee)}."
        ],
        picture(
            _latency(found, knee, figure, unit, wait),
            f"Latency{beside}. What was never answered is among the wrong answers below.",
        ),
        picture(_cpu(found, knee, figure, unit), "Who had the CPUs meanwhile."),
    ]


def _latency(found: Findings, knee: Knee, figure: str, unit: str, wait: float) -> Markup:
    with drawing(unit, "ms, logarithmic") as chart:
        chart.axes.set_yscale("log")
        chart.axes.yaxis.set_major_formatter("{x:,g}")
        chart.lines(
            [_line(name, knee, figure, _milliseconds(name, wait)) for name in ("p50", "p95", "p99")]
        )
        chart.limit(found.objective.p99 * 1000, "objective of p99")
        chart.mark(knee.middle(figure), f"{knee.middle(figure):,.0f}")
        return chart.svg()


def _cpu(found: Findings, knee: Knee, figure: str, unit: str) -> Markup:
    with drawing(unit, "CPUs") as chart:
        shares = {"worker": "service", "generator, stores": "rest", "foreign": "foreign"}
        chart.lines(
            [
                _line(name, knee, figure, lambda step, share=share: getattr(step.cpus, share))
                for name, share in shares.items()
            ]
        )
        chart.axes.set_ylim(0, 0.2 + max(1, found.cpus - 1))
        chart.mark(knee.middle(figure), f"{knee.middle(figure):,.0f}")
        return chart.svg()


def _milliseconds(percentile: str, wait: float) -> Callable[[Step], float]:
    return lambda step: max(0.1, (getattr(step, percentile) - wait) * 1000)


def _line(name: str, knee: Knee, figure: str, value: Callable[[Step], float]) -> Line:
    """The median of all steps at a rate; what is infinite can't be drawn."""
    at: dict[float, list[Step]] = {}
    for step in knee.steps:
        at.setdefault(step.rate, []).append(step)
    points = sorted(
        (median(getattr(step, figure) for step in steps), median(map(value, steps)))
        for steps in at.values()
    )
    drawn = [(x, y) for x, y in points if y < NEVER]
    return Line(name, [x for x, _ in drawn], [y for _, y in drawn])


def _steps(found: Findings, knee: Knee) -> Node:
    wait = found.trial_of(knee).wait
    rows = [
        (
            f"{step.rate:,.0f}",
            f"{step.in_flight:,.0f}",
            *(_ms(seconds) for seconds in (step.p50, step.p95, step.p99)),
            f"{step.errors:,}",
            *(f"{cpus:.2f}" for cpus in (step.cpus.service, step.cpus.rest, step.cpus.foreign)),
            _ms(step.late),
            "ok" if step.meets(found.objective, wait) else "too much",
        )
        for step in sorted(knee.steps, key=lambda step: step.rate)
    ]
    return table(_COLUMNS, rows)


def _ms(seconds: float) -> str:
    return "never" if seconds == NEVER else f"{seconds * 1000:,.1f}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
