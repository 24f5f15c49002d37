"""Lines of the report: cost, bottlenecks, and other sizes for comparison."""

from collections.abc import Iterator, Sequence

from stackkit.plan.bottlenecks import Bottleneck, first
from stackkit.plan.fleet import rate
from stackkit.settings.errors import ConfigError
from stackkit.tools.report import cost, peers
from stackkit.tools.report.columns import hung, indented, row, table
from stackkit.tools.report.comparison import Candidate
from stackkit.tools.report.stack_report import StackReport

_COST = "  {:<17} {:>11} {:>11} {:>11}  "


def summary_lines(report: StackReport) -> Iterator[str]:
    """What is paid for, in five lines."""
    settings, fleet = report.numbers.config, report.numbers.fleet
    least, most = fleet.minimum.value, fleet.maximum.value
    size = f"{settings.vcpu_units / 1024:g} vCPU and {settings.memory_mib / 1024:g} GB"
    standby = " with a standby" if settings.production else ""
    tasks = f"{least:,} to {most:,} tasks" if least < most else _some(least, "task")
    yield f"  fleet     {tasks} of {size}, {fleet.peak_rate.value:,} requests/s at the peak"
    copies = [_some(n, "replica") for n in (settings.database_replicas, settings.cache_replicas)]
    yield f"  database  {settings.database_class}{standby}, {copies[0]}"
    yield f"  cache     {settings.cache_class}, {copies[1]}"
    try:
        yield from hung("  a month   ", _bill(report))
    except ConfigError as error:
        yield from hung("  a month   ", str(error))
    tightest = first(report.bottlenecks)
    yield f"  limit     {tightest.subject}, from {tightest.in_flight:,} requests in flight on"


def _some(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _bill(report: StackReport) -> str:
    prices, settings = report.prices, report.numbers.config
    mean = cost.loads(report.numbers)[1]
    usd = cost.total(cost.month(report.numbers, mean, prices))
    waf = cost.waf(float(rate(mean.in_flight, settings.latency_ms)), prices).usd
    if settings.waf:
        part = (
            f"WAF is {100 * waf / usd:.0f} % of it; without (waf: false) it is {usd - waf:,.0f};"
            " AWS Shield Advanced includes WAF's requests for a monthly fee"
        )
    else:
        part = f"WAF is off and would add {waf:,.0f} (waf: true)"
    priced = f", at prices of {prices.region}" if prices.region != report.region else ""
    return f"{usd:,.0f} USD at the mean load{priced}. {part}."


def break_lines(report: StackReport) -> Iterator[str]:
    yield "\nBottlenecks as the load grows, and the requests in flight at which each saturates"
    for one in report.bottlenecks:
        yield from row(one.subject, f"{one.in_flight:,}", one.limit, one.remedy)


def cost_lines(report: StackReport) -> Iterator[str]:
    yield "\nA month in US dollars, an estimate"
    try:
        yield from _months(report)
        yield from _million(report)
    except ConfigError as error:
        yield from indented(str(error))


def _months(report: StackReport) -> Iterator[str]:
    prices, settings = report.prices, report.numbers.config
    loads = cost.loads(report.numbers)
    months = [cost.month(report.numbers, load, prices) for load in loads]
    yield from indented(
        f"Prices of {prices.region} of {prices.as_of}: {prices.source}. A month has {cost.HOURS}"
        " hours; the arithmetic is the peak's."
    )
    yield _COST.format("", *(load.name for load in loads)).rstrip()
    yield _COST.format("in flight", *(f"{load.in_flight:,}" for load in loads)).rstrip()
    yield _COST.format("tasks", *(f"{load.tasks:,}" for load in loads)).rstrip()
    for lines in zip(*months, strict=True):
        figures = _COST.format(lines[0].item, *(f"{line.usd:,.0f}" for line in lines))
        yield from hung(figures, lines[-1].arithmetic)
    yield _COST.format("together", *(f"{cost.total(lines):,.0f}" for lines in months)).rstrip()
    rates = [float(rate(load.in_flight, settings.latency_ms)) for load in loads]
    millions = [each * 3600 * cost.HOURS / 1e6 for each in rates]
    together = zip(months, millions, strict=True)
    each = (f"{cost.total(lines) / count:,.3f}" for lines, count in together)
    yield _COST.format("  for a million", *each).rstrip()
    yield from indented(
        f"Mean is a day that swings evenly between both. An answer counts {cost.ANSWER_BYTES:,}"
        f" bytes, and the peak is {rates[-1]:,.0f} a second. {cost.LEFT_OUT}"
    )


def _million(report: StackReport) -> Iterator[str]:
    yield "\nA million requests in US dollars of tasks, each at its capacity"
    mix = ", ".join(f"{share} % {path}" for path, share in peers.SHARES.items())
    yield from indented(f"Ratios are of {mix}, by the rates of {peers.MEASURED}.")
    costs = peers.cost_per_million(report.numbers, report.prices)
    capacity = report.numbers.capacity
    for name, usd in costs.items():
        own = f"{capacity.requests_per_second:,} requests/s of a task, {capacity.origin}"
        others = f"{usd / costs[peers.OURS]:.1f} times as much"
        yield f"  {name:<24} {usd:>9.4f}  {own if name == peers.OURS else others}"


def comparison_lines(report: StackReport, compared: Sequence[Candidate]) -> Iterator[str]:
    workload = report.numbers.config
    yield (
        f"{workload.name}: {workload.peak_in_flight:,} in flight at"
        f" {workload.latency_ms:,} ms on other sizes"
    )
    for warning in report.warnings:
        yield from indented(f"Warning: {warning}")
    heads = ("", "tasks", "pool", "min $", "mean $", "peak $", "saturates first", "at")
    yield from table(heads, (_cells(one) for one in compared if not one.refused))
    for one in compared:
        if one.refused:
            yield from hung(f"  {one.name}  ", one.refused)
    rest = max((one.usd[1] - one.tasks_usd[1] for one in compared if one.usd), default=0)
    others = f" The rest of the bill is about {rest:,.0f} at the mean on any." if rest else ""
    yield from indented(
        "Tasks from minimum to maximum; pool: database connections of a worker; dollars of a month"
        f" of the tasks alone, prices of {report.prices.region} of {report.prices.as_of}, an"
        f" estimate.{others}"
    )


def _cells(one: Candidate) -> Sequence[str]:
    usd = [f"{dollars:,.0f}" for dollars in one.tasks_usd]
    tightest: Bottleneck | None = one.breaks_first
    way = (tightest.subject, f"{tightest.in_flight:,}") if tightest else ("", "")
    fewest, most = one.fleet
    return (one.name, f"{fewest}..{most}", str(one.database_pool), *usd, *way)
