"""The thundering herd on this machine, beside the fleet that the plan claims."""

from typing import Any

import pytest

from verification.comparison import compare

PLAN: dict[str, Any] = {
    "stack": "orders-prod",
    "environment": {"MAX_IN_FLIGHT": "4000"},
    "numbers": {
        "server.workers": {"value": 2},
        "server.max_in_flight": {"value": 4000},
        "fleet.maximum": {"value": 30},
        "fleet.peak_rate": {"value": 120_000},
    },
}
OBSERVED: dict[str, Any] = {
    "mode": "cold",
    "workers": 4,
    "peak": 50_000,
    "requests": 50_000,
    "ok": 50_000,
    "never_answered": 0,
    "p99": 7.1,
    "wall": 10.0,
    "memory": 1_280_000_000,
}


@pytest.mark.parametrize("peak, relation", [(50_000, "more than"), (8_000, "fewer than")])
def test_comparison_says_whether_a_worker_served_the_planned_requests(
    peak: int, relation: str
) -> None:
    assert f"{relation} the 4,000" in " ".join(compare(PLAN, [OBSERVED | {"peak": peak}]))


def test_observed_figures_are_beside_those_of_a_task_and_of_the_fleet() -> None:
    rows = [line.split() for line in compare(PLAN, [OBSERVED])]
    assert ["answers/s", "5,000", "4,000", "120,000"] in rows
    assert ["in", "flight", "per", "worker", "12,500", "up", "to", "4,000"] in rows
