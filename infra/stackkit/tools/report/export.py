"""The same as the report prints, for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stackkit.plan import plan
from stackkit.settings.errors import Refusal
from stackkit.tools.report import cost
from stackkit.tools.report.comparison import Candidate
from stackkit.tools.report.stack_report import Outlook


def data(outlook: Outlook, compared: Sequence[Candidate]) -> dict[str, Any]:
    numbers = outlook.numbers
    return {
        "stack": outlook.settings.name,
        "doubts": outlook.doubts,
        "numbers": {name: asdict(number) for name, number in plan.numbers(numbers)},
        "environment": plan.environment(numbers),
        "kernel": numbers.server.kernel,
        "checks": [asdict(check) for check in numbers.checks],
        "breaks": [asdict(one) for one in outlook.breaks],
        "cost": _cost(outlook),
        "compared": [asdict(one) for one in compared],
    }


def _cost(outlook: Outlook) -> dict[str, Any]:
    prices = outlook.prices
    if prices is None:
        return {"missing": outlook.unpriced}
    try:
        return {
            "region": prices.region,
            "as_of": prices.as_of.isoformat(),
            "source": prices.source,
            "months": {
                load.name: {
                    **asdict(load),
                    "usd": round(cost.total(lines), 2),
                    "lines": [asdict(line) for line in lines],
                }
                for load in cost.loads(outlook.numbers)
                for lines in [cost.month(outlook.settings, outlook.numbers, load, prices)]
            },
        }
    except Refusal as refusal:
        return {"missing": str(refusal)}
