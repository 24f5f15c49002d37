"""The same as the report prints, for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stackkit.plan import plan
from stackkit.settings.errors import ConfigError
from stackkit.tools.report import cost
from stackkit.tools.report.comparison import Candidate
from stackkit.tools.report.peers import cost_per_million
from stackkit.tools.report.stack_report import StackReport


def data(report: StackReport, compared: Sequence[Candidate]) -> dict[str, Any]:
    numbers = report.numbers
    return {
        "stack": numbers.config.name,
        "warnings": report.warnings,
        "numbers": {name: asdict(number) for name, number in plan.numbers(numbers)},
        "environment": plan.environment(numbers),
        "kernel": numbers.server.kernel,
        "checks": [asdict(check) for check in numbers.checks],
        "bottlenecks": [asdict(one) for one in report.bottlenecks],
        "cost": _cost(report),
        "compared": [asdict(one) for one in compared],
    }


def _cost(report: StackReport) -> dict[str, Any]:
    try:
        prices = report.prices
        return {
            "region": prices.region,
            "as_of": prices.as_of.isoformat(),
            "source": prices.source,
            "million_requests": cost_per_million(report.numbers, prices),
            "months": {
                load.name: {
                    **asdict(load),
                    "usd": round(cost.total(lines), 2),
                    "lines": [asdict(line) for line in lines],
                }
                for load in cost.loads(report.numbers)
                for lines in [cost.month(report.numbers, load, prices)]
            },
        }
    except ConfigError as error:
        return {"missing": str(error)}
