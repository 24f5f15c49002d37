"""What a million requests cost in tasks: of this service, and at the rates of other stacks."""

from collections.abc import Mapping

from stackkit.plan.plan import Plan
from stackkit.tools.report.cost import task_hour
from stackkit.tools.report.prices import Prices

OURS = "this service"
# Only ratios of these rates are used: a machine's own rates say nothing of a task's.
MEASURED = "make bench ONLY=hot,random,list,create, medians of 2026-11-30, Python 3.13"
SHARES = {"hot": 80, "random": 10, "list": 4, "create": 6}  # % of the requests
RATES: Mapping[str, Mapping[str, int]] = {  # requests/s
    OURS: {"hot": 48_223, "random": 15_695, "list": 6_522, "create": 8_562},
    "BlackSheep, asyncpg": {"hot": 6_536, "random": 7_183, "list": 4_284, "create": 4_005},
    "FastAPI, asyncpg": {"hot": 3_904, "random": 5_178, "list": 2_805, "create": 2_886},
    "FastAPI, SQLAlchemy": {"hot": 4_904, "random": 3_777, "list": 1_096, "create": 858},
}


def cost_per_million(numbers: Plan, prices: Prices) -> dict[str, float]:
    """Dollars of tasks at their full capacity, by stack."""
    hour = task_hour(numbers.config, prices)
    own = hour / (numbers.capacity.requests_per_second * 3600) * 1e6
    return {name: own * _effort(rates) / _effort(RATES[OURS]) for name, rates in RATES.items()}


def _effort(rates: Mapping[str, int]) -> float:
    """Machine time of a mean request."""
    return sum(share / rates[path] for path, share in SHARES.items())
