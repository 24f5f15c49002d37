"""The simulator's rules against the worked examples of AWS's own guides.

EC2: Amazon EC2 Auto Scaling User Guide. Application: Application Auto Scaling User Guide.
"""

from dataclasses import replace

import pytest

from stackkit.tools.simulate.alarms import Adjustment, Step, Tracking, largest
from stackkit.tools.simulate.scaler import Change, Policies, Size, capacity, decided, settled

# "Step scaling policies", step adjustments: an alarm at 50 percent, PercentChangeInCapacity
OUT = Step(
    "out",
    "cpu",
    50,
    1,
    True,
    (Adjustment(0, 10, 0), Adjustment(10, 20, 10), Adjustment(20, None, 30)),
    "PercentChangeInCapacity",
)
IN = Step(
    "in",
    "cpu",
    50,
    1,
    False,
    (Adjustment(-10, 0, 0), Adjustment(-20, -10, -10), Adjustment(None, -20, -30)),
    "PercentChangeInCapacity",
)
CPU = Tracking("cpu", "cpu", 50)
GROUP = Policies(group=True, tracking_out_s=300, step_out_s=300, in_s=0, leaving_s=180)
SERVICE = Policies(group=False, tracking_out_s=60, step_out_s=300, in_s=300)


def after(size: Size, policies: Policies, metric: float, now: int) -> tuple[Size, int]:
    size, _ = decided(size, policies, {"cpu": [metric] * 16}, now)
    return size, size.desired


@pytest.mark.parametrize(
    ("step", "capacity", "metric", "expected"),
    [
        (OUT, 10, 59.9, 10),  # "maintained while the metric is greater than 40 and less than 60"
        (IN, 10, 40.1, 10),
        (OUT, 10, 60, 11),  # "gets to 60 … increases by 1, to 11 (10 percent of 10)"
        (OUT, 11, 70, 14),  # "rises to 70 … another 3, to 14 (30 percent of 11, 3.3, down to 3)"
        (IN, 14, 40, 13),  # "gets to 40 … decreases by 1, to 13 (10 percent of 14, 1.4, to 1)"
        (IN, 13, 30, 10),  # "falls to 30 … another 3, to 10 (30 percent of 13, 3.9, to 3)"
    ],
)
def test_step_adjustments_of_the_guides(
    step: Step, capacity: int, metric: float, expected: int
) -> None:
    assert step.proposes(capacity, metric) == expected


@pytest.mark.parametrize(
    ("percent", "change"), [(127, 12), (6.7, 1), (-5.8, -1), (-66.7, -6), (10, 1), (-30, -3)]
)
def test_percentages_are_rounded_as_the_guides_say(percent: float, change: int) -> None:
    """12.7 to 12, .67 to 1, -.58 to -1, -6.67 to -6: "Scaling adjustment types"."""
    step = replace(OUT, adjustments=(Adjustment(0, None, percent),))
    assert step.proposes(10, 50) == 10 + change


def test_adjustment_types_of_the_guides() -> None:
    """A capacity of 3 and an adjustment of 5: 8 by ChangeInCapacity, 5 by ExactCapacity."""
    step = replace(OUT, adjustments=(Adjustment(0, None, 5),), kind="ChangeInCapacity")
    assert step.proposes(3, 50) == 8
    assert replace(step, kind="ExactCapacity").proposes(3, 50) == 5


def test_a_group_doesnt_add_twice_while_instances_warm_up() -> None:
    """EC2, "Instance warm-up": at 60 one instance; at 62 none; at 70 two, for a new desired 13."""
    policies = replace(GROUP, steps=(OUT,))
    size, desired = after(Size(10, 1, 100), policies, 60, 0)
    assert desired == 11
    size, desired = after(size, policies, 62, 60)
    assert (desired, capacity(size, policies, 60)) == (11, 10)
    size, desired = after(size, policies, 70, 120)
    assert desired == 13
    assert capacity(size, policies, 420) == 13


def test_a_service_adds_only_what_is_more_than_the_step_before() -> None:
    """Application, "Cooldown period": 2 were added; a step of 3 in the cooldown adds 1 more."""
    adjustments = (Adjustment(0, 20, 2), Adjustment(20, None, 3))
    step = replace(OUT, adjustments=adjustments, kind="ChangeInCapacity")
    policies = replace(SERVICE, steps=(step,))
    size, desired = after(Size(10, 1, 100), policies, 55, 0)
    assert desired == 12
    size = settled(size, policies, 60, all_serve=True)  # the cooldown of 300 s begins
    size, desired = after(size, policies, 55, 120)
    assert desired == 12
    size, desired = after(size, policies, 70, 180)
    assert desired == 13
    size = settled(size, policies, 240, all_serve=True)
    assert after(size, policies, 55, 539)[1] == 13
    assert after(size, policies, 55, 540)[1] == 15


def test_target_tracking_keeps_the_proportion_to_its_target() -> None:
    """EC2, "Scaling based on Amazon SQS": 150 messages an instance, target 100, 10: 5 more."""
    backlog = Tracking("backlog", "backlog", 100)
    assert backlog.proposes(10, 1500 / 10) == 15


@pytest.mark.parametrize(("metric", "expected"), [(57.5, 12), (42.5, 9)])
def test_target_tracking_rounds_so_that_none_lacks(metric: float, expected: int) -> None:
    """EC2, "Target tracking", considerations: 1.5 more are 2, and 1.5 fewer are 1."""
    assert CPU.proposes(10, metric) == expected


def test_an_alarm_needs_all_of_its_minutes() -> None:
    assert not CPU.wants_out([90, 50, 51, 51])
    assert CPU.wants_out([50, 51, 51, 51])
    assert not CPU.wants_in([44.9] * 14)
    assert not CPU.wants_in([45, *[44.9] * 14])
    assert CPU.wants_in([44.9] * 15)


@pytest.mark.parametrize(
    ("proposals", "chosen"),
    [
        # Application API, PutScalingPolicy: 3 more, or 200 percent more of 10
        ([("units", 10 + 3), ("percent", 10 + 20)], ("percent", 30)),
        # EC2, "Multiple scaling policies": one instance by CPU, two by the queue
        ([("cpu", 2), ("queue", 3)], ("queue", 3)),
        # the same, inwards: three of eight, or 25 percent of them
        ([("units", 8 - 3), ("percent", 8 - 2)], ("percent", 6)),
    ],
)
def test_the_largest_capacity_counts(
    proposals: list[tuple[str, int]], chosen: tuple[str, int]
) -> None:
    assert largest(proposals) == chosen


@pytest.mark.parametrize(("size", "step", "expected"), [((2, 1, 3), 3, 3), ((3, 2, 9), -2, 2)])
def test_the_bounds_hold(size: tuple[int, int, int], step: int, expected: int) -> None:
    """EC2, "How scaling policies work": 2 of at most 3 and 3 more; 3 of at least 2 and 2 fewer."""
    one = Step("s", "cpu", 50, 1, step > 0, (Adjustment(None, None, step),), "ChangeInCapacity")
    assert after(Size(*size), replace(GROUP, steps=(one,)), 50, 0)[1] == expected


@pytest.mark.parametrize("policies", [GROUP, SERVICE])
def test_it_grows_if_any_policy_wants_and_shrinks_only_if_all_do(policies: Policies) -> None:
    both = replace(policies, tracking=(CPU, Tracking("requests", "requests", 100)))
    size = Size(10, 1, 100)
    low, high, fine = [10.0] * 16, [200.0] * 16, [95.0] * 16
    assert decided(size, both, {"cpu": low, "requests": high}, 0)[0].desired == 20
    assert decided(size, both, {"cpu": low, "requests": fine}, 0)[0].desired == 10
    changed = decided(size, both, {"cpu": low, "requests": [50.0] * 16}, 0)[1]
    assert changed == Change(0, 10, 5, "requests")  # not cpu's 2


def test_a_step_inwards_is_not_blocked_and_tracking_takes_it_back() -> None:
    """Application, "Considerations": the conflict that makes the plan leave step scale-in out."""
    step = replace(IN, adjustments=(Adjustment(None, 0, -2),), kind="ChangeInCapacity")
    policies = replace(SERVICE, tracking=(replace(CPU, target=45),), steps=(step,))
    size, desired = after(Size(10, 1, 100), policies, 44, 0)
    assert desired == 8
    size, change = decided(size, policies, {"cpu": [55.0] * 16}, 60)
    assert change == Change(60, 8, 10, "cpu")


def test_a_group_shrinks_no_further_while_instances_leave() -> None:
    """EC2, "Instance warm-up": those that are terminating are part of the current capacity."""
    policies = replace(GROUP, tracking=(CPU,))
    size, desired = after(Size(10, 1, 100), policies, 40, 0)
    assert desired == 8
    size, desired = after(settled(size, policies, 60, True), policies, 40, 60)
    assert desired == 8
    assert after(settled(size, policies, 180, True), policies, 40, 180)[1] == 7


def test_a_group_never_shrinks_while_one_warms_up() -> None:
    """EC2, "Default instance warmup": scale-in is blocked until the instances finish."""
    policies = replace(GROUP, tracking=(CPU,))
    size, desired = after(Size(10, 1, 100), policies, 60, 0)
    assert desired == 12
    assert after(settled(size, policies, 299, True), policies, 10, 299)[1] == 12
    assert after(settled(size, policies, 300, True), policies, 10, 300)[1] == 3


def test_a_service_waits_before_it_shrinks_again_but_grows_at_once() -> None:
    """Application, "scale-in cooldown": a scale-out in it is immediate and ends it."""
    policies = replace(SERVICE, tracking=(CPU,))
    size, desired = after(Size(10, 1, 100), policies, 40, 0)
    assert desired == 8
    assert after(size, policies, 25, 299)[1] == 8
    assert after(size, policies, 25, 300)[1] == 4
    size, desired = after(size, policies, 100, 60)
    assert desired == 16
    assert after(settled(size, policies, 120, True), policies, 40, 240)[1] == 13
