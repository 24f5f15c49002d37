"""The herd on this machine, beside the fleet that the plan claims."""

from pathlib import Path
from typing import Any

import pytest

from servicekit.tests.report import needs_browser, seen
from verification import claim

PLAN: dict[str, Any] = {
    "stack": "orders-prod",
    "warnings": ["capacity.json: it was measured 299 days ago."],
    "environment": {"MAX_IN_FLIGHT": "4000"},
    "numbers": {
        "server.workers": {"value": 2},
        "server.max_in_flight": {"value": 4000},
        "fleet.maximum": {"value": 30},
        "fleet.peak_rate": {"value": 120_000},
    },
}
SEEN: dict[str, Any] = {
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
def test_it_says_whether_a_worker_held_what_the_plan_asks(peak: int, relation: str) -> None:
    assert f"{relation} the 4,000" in claim.report(PLAN, [SEEN | {"peak": peak}])


@pytest.mark.extra("starts a browser")
@needs_browser
@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1280, "light")])
async def test_the_page_is_readable(tmp_path: Path, width: int, scheme: str) -> None:
    (tmp_path / "herd.html").write_text(claim.report(PLAN, [SEEN]))
    page = await seen(tmp_path / "herd.html", width, scheme)

    assert page.complaints == []
    assert page.width <= width
    assert page.contrast >= 4.5
    assert "in flight per worker\t12,500\tup to 4,000" in page.text
    assert "answers/s\t5,000\t4,000\t120,000" in page.text
    assert "299 days ago" in page.text
