"""Prints a stack's plan as a table, with no account and no engine: `make plan`."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from stackkit.plan import plan
from stackkit.plan.derived_value import LimitCheck
from stackkit.settings import config, conflicts
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import assignments
from stackkit.tools.report import comparison, export
from stackkit.tools.report.columns import indented, row
from stackkit.tools.report.estimate import break_lines, comparison_lines, cost_lines, summary_lines
from stackkit.tools.report.stack_report import StackReport, analyse


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        report = analyse(Path.cwd(), options.stack or "", dict(_given(options)), options.prices)
        print("\n".join(_shown(options, report)))
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `make plan | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _shown(options: argparse.Namespace, report: StackReport) -> Iterator[str]:
    sizes = comparison.candidates(report.numbers.config, report.measured, report.prices)
    compared = list(sizes) if options.compare else []
    if options.json:
        yield json.dumps(export.data(report, compared), indent=2)
    elif options.compare:
        yield from comparison_lines(report, compared)
    else:
        yield from lines(report)


def lines(report: StackReport) -> Iterator[str]:
    settings, numbers = report.numbers.config, report.numbers
    yield f"{settings.name}: {settings.tier}, {settings.compute}"
    for warning in report.warnings:
        yield from indented(f"Warning: {warning}")
    yield from summary_lines(report)
    yield "\nFrom these inputs"
    for name, value, unit, rationale in _inputs(numbers):
        yield from row(name, value, unit, rationale)
    group = ""
    for name, number in plan.numbers(numbers):
        if not name.startswith(f"{group}."):
            group = name.partition(".")[0]
            yield f"\n{group.capitalize()}"
        label = name.partition(".")[2].replace("_", " ")
        yield from row(label, *number.shown, number.rationale)
    yield f"\nScaling follows {', '.join(settings.scaling_policies)}"
    if numbers.step:
        yield f"  scale-in {numbers.step.scale_in_rationale}"
    yield "\nEnvironment of the service"
    yield from (f"  {name}={value}" for name, value in plan.environment(numbers).items())
    yield "\nKernel"
    yield from (f"  {name} = {value}" for name, value in numbers.server.kernel.items())
    yield "\nChecks"
    for check in numbers.checks:
        yield from row(check.subject, *_verdict(check))
    yield from break_lines(report)
    yield from cost_lines(report)
    yield from _refused(settings)


def _inputs(numbers: plan.Plan) -> Iterator[tuple[str, str, str, str]]:
    inputs, capacity = numbers.config, numbers.capacity
    size = f"{inputs.vcpu_units / 1024:g}", f"vCPU, {inputs.memory_mib:,} MiB"
    loss = "one may fail" if inputs.production else "none may fail"
    yield "peak in flight", f"{inputs.peak_in_flight:,}", "requests", "peak_in_flight"
    yield "base in flight", f"{inputs.base_load:,}", "requests", "base_in_flight"
    yield "mean latency", f"{inputs.latency_ms:,}", "ms", "latency_ms"
    yield "use at the peak", f"{inputs.utilisation_percent}", "% of a task", "utilisation_percent"
    yield "waiting for upstream", f"{inputs.upstream_percent}", "% of requests", "upstream_percent"
    yield "zones", f"{inputs.zones}", loss, "tier"
    yield "a task has", *size, inputs.compute
    rate = f"{capacity.requests_per_second:,}"
    yield "a task sustains", rate, "requests/s", capacity.origin
    yield "  and holds", f"{capacity.in_flight:,}", "in flight", capacity.origin
    yield "database", "", "", inputs.database_class
    yield "cache", "", "", inputs.cache_class


def _verdict(check: LimitCheck) -> tuple[str, str, str]:
    verdict = "ask AWS to raise" if check.ask and check.short else "fits"
    return f"{check.needed:,}", f"of {check.limit:,}", f"{verdict}: {check.rationale}"


def _refused(settings: config.Config) -> Iterator[str]:
    try:
        conflicts.check(settings)
    except ConfigError as error:
        yield "\nStill to set before `pulumi up`"
        yield from indented(str(error))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make plan", usage=argparse.SUPPRESS)
    parser.add_argument("--stack", help="read Pulumi.<stack>.yaml; without it, the defaults")
    parser.add_argument("--concurrency", help="in place of peak_in_flight")
    parser.add_argument("--latency-ms", help="in place of latency_ms")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--prices", metavar="FILE", help="prices before the built-in ones, as JSON")
    parser.add_argument("--compare", action="store_true", help="other sizes, as a table")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(arguments)


def _given(options: argparse.Namespace) -> Iterator[tuple[str, object]]:
    if options.concurrency:
        yield "peak_in_flight", options.concurrency
        # else a base that suits the stack's own peak would stay
        yield "base_in_flight", 0
    if options.latency_ms:
        yield "latency_ms", options.latency_ms
    yield from assignments(options.set).items()


if __name__ == "__main__":
    sys.exit(main())
