"""How long a fleet takes from its smallest size to its largest."""

import pytest

from plans import planned


@pytest.mark.parametrize(
    ("values", "seconds", "reason"),
    [
        (
            {},
            455,
            "360 to notice + 35 to launch 288 + 60 to start: one decision, because requests are"
            " counted in full, however few serve them",
        ),
        (
            {"scaling_policies": ["cpu"]},
            360 + 5 * 120 + 35 + 60,
            "360 to notice + 5 x 120 between decisions (a start and a cooldown) + 35 to launch 288"
            " + 60 to start: 6 decisions, because no task shows more than 100 % of its CPU and so"
            " none grows the fleet by more than 100 / 65",
        ),
        (
            {"compute": "ec2", "scaling_policies": ["cpu"]},
            360 + 4 * 180 + 180,
            "360 to notice + 4 x 180 between decisions (an instance's warm-up) + 180 to start:"
            " 5 decisions, because no task shows more than 100 % of its CPU and so none grows the"
            " fleet by more than 100 / 65",
        ),
        (
            {"scaling_policies": ["step"], "step_out_requests": 0, "step_in_requests": 0},
            240 + 143 * 360 + 35 + 60,
            "240 to notice + 143 x 360 between decisions (a start and a cooldown) + 35 to launch"
            " 288 + 60 to start: 144 decisions of 2 tasks",
        ),
        (
            {"compute": "ec2", "scaling_policies": ["cpu", "in_flight"]},
            60 + 180,
            "60 to notice + 180 to start: one decision, because requests are counted in full,"
            " however few serve them",
        ),
        ({"fleet_min": 321}, 0, "the fleet has one size"),
    ],
)
def test_the_way_from_minimum_to_peak_is_added_up(
    values: dict[str, object], seconds: int, reason: str
) -> None:
    number = planned(**values).pace.minimum_to_peak
    assert (number.value, number.rationale) == (seconds, reason)


def test_a_warm_pool_starts_as_fast_as_a_task() -> None:
    cold = planned(compute="ec2").pace
    warm = planned(compute="ec2", instance_types=["c8g.xlarge"], warm_pool=20).pace
    assert (cold.start.value, warm.start.value) == (180, 60)
    assert warm.minimum_to_peak.value == cold.minimum_to_peak.value - 120
