"""Plays traffic through a stack's scaling policies: `make simulate`."""

import argparse
import sys
from pathlib import Path

from stackkit.plan.fleet import rate
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import assignments
from stackkit.tools.report.stack_report import StackReport, analyse
from stackkit.tools.simulate.findings import findings
from stackkit.tools.simulate.report import SimulationReport, html, text
from stackkit.tools.simulate.run import simulate
from stackkit.tools.simulate.setup import setup
from stackkit.tools.simulate.traffic import Trace, read_trace, shaped


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        stack = analyse(Path.cwd(), options.stack, assignments(options.set), options.prices)
        report = _played(stack, _trace(options, stack))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(text(report)))
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(html(report), encoding="utf-8")
    print(f"  {options.page}")
    return 0


def _trace(options: argparse.Namespace, stack: StackReport) -> Trace:
    if options.trace and options.shape:
        raise ConfigError("SHAPE and TRACE: each is traffic of its own; use one.")
    if options.trace:
        return read_trace(options.trace)
    workload = stack.numbers.config
    bounds = (workload.base_load, workload.peak_in_flight)
    base, peak = (float(rate(in_flight, workload.latency_ms)) for in_flight in bounds)
    return shaped(options.shape or "day", base, peak)


def _played(stack: StackReport, trace: Trace) -> SimulationReport:
    numbers = stack.numbers
    run = simulate(setup(numbers, trace.rates[0]), trace)
    zones = numbers.config.zones if numbers.config.production else 1
    found = findings(run, zones, numbers.pace.minimum_to_peak.value)
    return SimulationReport(stack=stack, run=run, findings=found)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", usage=argparse.SUPPRESS)
    parser.add_argument("--stack", default="prod", help="reads Pulumi.<stack>.yaml")
    parser.add_argument("--shape", help="day (the default), flash or step: from base to peak")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="CSV: time,requests_per_second")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--prices", metavar="FILE", help="prices before the built-in ones, as JSON")
    parser.add_argument("--page", type=Path, default=Path("simulation.html"), metavar="FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
