"""The limits that a growing load reaches first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans import planned
from stackkit.plan.bottlenecks import Bottleneck, bottlenecks, first
from stackkit.settings.errors import ConfigError


def found(**values: object) -> dict[str, Bottleneck]:
    numbers = planned(**values)
    return {one.subject: one for one in bottlenecks(numbers)}


def test_production_loses_a_zone_before_anything_else_gives_way() -> None:
    numbers = planned()
    tightest = first(bottlenecks(numbers))
    assert tightest == Bottleneck(
        "tasks with a zone lost",
        51_361,  # 214 tasks x 3,000/s x 80 ms, and one more
        "214 full tasks",
        "raise peak_in_flight: the plan grows with it",
    )


def test_an_accounts_quota_is_listed_but_only_has_to_be_asked_for() -> None:
    quota = found()["vCPUs of a deployment"]
    assert (quota.ask, quota.in_flight) == (True, 469)


@pytest.mark.parametrize(
    ("subject", "problem", "values"),
    [
        ("targets of the ALB", "alb_target_quota", {}),
        ("database connections", "database_class", {"alb_target_quota": 100_000}),
        (
            "NAT ports to upstream",
            "upstream_percent",
            {
                "alb_target_quota": 100_000,
                "database_class": "db.r8g.16xlarge",
                "upstream_percent": 90,
                "latency_ms": 1000,
            },
        ),
        (
            "addresses of a subnet",
            "vpc_cidr",
            {
                "vpc_cidr": "10.0.0.0/19",
                "alb_target_quota": 100_000,
                "database_class": "db.r8g.16xlarge",
            },
        ),
    ],
)
def test_a_plan_is_refused_from_the_load_on_that_breaks_it(
    subject: str, problem: str, values: dict[str, object]
) -> None:
    load = found(**values, peak_in_flight=10_000)[subject].in_flight
    planned(**values, peak_in_flight=load - 1)
    with pytest.raises(ConfigError, match=f"^{problem}: "):
        planned(**values, peak_in_flight=load)


@given(st.integers(1_000, 60_000), st.integers(20, 1000))
def test_nothing_gives_way_below_the_peak_that_was_planned_for(peak: int, latency: int) -> None:
    try:
        numbers = planned(peak_in_flight=peak, base_in_flight=1, latency_ms=latency)
    except ConfigError:
        return
    for one in bottlenecks(numbers):
        assert one.ask or one.in_flight > peak, one
