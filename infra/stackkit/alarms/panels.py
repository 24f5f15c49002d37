"""The dashboard as data: sections of panels, each with its lines and the limits that they meet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stackkit.alarms.catalogue import metric, table
from stackkit.alarms.spec import AlarmSpec, Metric
from stackkit.plan.plan import Plan

# the golden signals, on top; the rest of the rows stay with their tiers
GOLDEN = ("busy-targets", "errors", "latency", "cpu")


@dataclass(frozen=True, kw_only=True)
class Panel:
    title: str
    unit: str
    # id → metric, as in a row
    metrics: Mapping[str, Metric]
    expression: str = ""
    across: str = ""
    period_s: int = 60
    # what a horizontal line says → where it is
    limits: Mapping[str, float] = field(default_factory=dict)


# title → panels
Sections = Mapping[str, Sequence[Panel]]


def sections(numbers: Plan) -> Sections:
    rows = table(numbers)
    rest = [row for row in rows if row.name not in GOLDEN]
    found = {"Golden signals": list(_golden(numbers, rows))}
    for row in rest:
        found.setdefault(row.tier.capitalize(), []).append(panel(row))
    if not numbers.config.otlp_endpoint:
        found["Inside"] = list(_inside(numbers))
    return found


def panel(row: AlarmSpec) -> Panel:
    return Panel(
        title=row.title,
        unit=row.limit.unit,
        metrics=row.metrics,
        expression=row.expression,
        across=row.across,
        period_s=row.short.period_s if row.short else row.window.period_s,
        limits={f"{row.name}: {row.limit.rationale}": row.limit.value},
    )


def _golden(numbers: Plan, rows: Sequence[AlarmSpec]) -> Iterator[Panel]:
    peak = numbers.fleet.peak_rate
    yield Panel(
        title="Traffic",
        unit="requests/min",
        metrics={"requests": metric("balancer RequestCount Sum")},
        limits={f"the plan's peak: {peak.rationale}": peak.value * 60},
    )
    percentiles = {p: metric(f"target TargetResponseTime {p}") for p in ("p50", "p90", "p99")}
    for row in [row for name in GOLDEN for row in rows if row.name == name]:
        shown = panel(row)
        yield replace(shown, metrics=percentiles) if row.name == "latency" else shown


def _inside(numbers: Plan) -> Iterator[Panel]:
    """Metrics that explain, without an alarm."""
    held = numbers.server.max_in_flight.value * numbers.server.workers.value
    yield Panel(
        title="Requests in flight of the fullest task",
        unit="requests",
        metrics={"held": metric("service http_requests_in_flight Maximum")},
        limits={"a task sheds beyond": held},
    )
    for title, name, statistic in (
        ("Connections that clients hold open", "granian_connections_active", "Sum"),
        ("A statement takes on average", "database_query_duration_seconds", "Average"),
        ("Callers that wait for a database connection", "database_pool_waiters", "Maximum"),
        ("A call of the upstream takes on average", "upstream_request_duration_seconds", "Average"),
        ("A garbage collection pauses on average", "python_gc_pause_seconds", "Average"),
        ("A request takes on average", "http_request_duration_seconds", "Average"),
    ):
        unit = "s" if name.endswith("_seconds") else ""
        yield Panel(title=title, unit=unit, metrics={"of": metric(f"service {name} {statistic}")})
    yield Panel(
        title="Reads by the layer that had them",
        unit="reads/min",
        metrics={
            layer: metric(f"service cache_reads_total Sum layer={layer}")
            for layer in ("memory", "cache", "external", "stale", "missing")
        },
    )
