"""The simulator's rules against the worked examples of AWS's own guides.

EC2: Amazon EC2 Auto Scaling User Guide. Application: Application Auto Scaling User Guide.
"""

from dataclasses import replace

import pytest

from stackkit.tools.simulate.policies import Policies, Step, Tracking
from stackkit.tools.simulate.scaler import Resizing, Size, capacity, decided, settled

OUT, IN = Step("out", "cpu", 50, 1, 2), Step("in", "cpu", 50, 1, -2)
CPU = Tracking("cpu", 50)
GROUP = Policies(group=True, tracking_out_s=300, step_out_s=300, in_s=0, leaving_s=180)
SERVICE = Policies(group=False, tracking_out_s=60, step_out_s=300, in_s=300)


def after(size: Size, policies: Policies, metric: float, now: int) -> tuple[Size, int]:
    size, _ = decided(size, policies, {"cpu": [metric] * 16}, now)
    return size, size.desired


def test_a_group_doesnt_add_twice_while_instances_warm_up() -> None:
    """EC2, "Instance warm-up": what was just added is not counted, so a step adds it only once."""
    policies = replace(GROUP, steps=(OUT,))
    size, desired = after(Size(10, 1, 100), policies, 60, 0)
    assert desired == 12
    size, desired = after(size, policies, 60, 60)
    assert (desired, capacity(size, policies, 60)) == (12, 10)
    assert after(settled(size, policies, 300, True), policies, 60, 300)[1] == 14


def test_service_adds_only_the_difference_to_the_step_before() -> None:
    """Application, "Cooldown period": 2 were added; a step of 3 in the cooldown adds 1 more."""
    three = Step("more", "cpu", 70, 1, 3)
    policies = replace(SERVICE, steps=(OUT, three))
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
    assert Tracking("backlog", 100).proposes(10, {"backlog": [1500 / 10]}) == 15


@pytest.mark.parametrize(("metric", "expected"), [(57.5, 12), (42.5, 9)])
def test_target_tracking_rounds_so_that_none_lacks(metric: float, expected: int) -> None:
    """EC2, "Target tracking", considerations: 1.5 more are 2, and 1.5 fewer are 1."""
    assert CPU.proposes(10, {"cpu": [metric]}) == expected


def test_an_alarm_needs_all_of_its_minutes() -> None:
    assert not CPU.wants_out({"cpu": [90, 50, 51, 51]})
    assert CPU.wants_out({"cpu": [50, 51, 51, 51]})
    assert not CPU.wants_in({"cpu": [44.9] * 14})
    assert not CPU.wants_in({"cpu": [45, *[44.9] * 14]})
    assert CPU.wants_in({"cpu": [44.9] * 15})


def test_an_alarm_of_ten_seconds_grows_within_a_minute_and_shrinks_after_fifteen() -> None:
    fast = Tracking("cpu", 50, a_minute=6)
    assert fast.wants_out({"cpu": [50, 51, 51, 51]})
    assert not fast.wants_in({"cpu": [44.9] * 89})
    assert fast.wants_in({"cpu": [44.9] * 90})
    policies = replace(GROUP, tracking=(fast,))
    size = Size(10, 1, 100)
    busy, quiet = {"cpu": [60.0] * 90}, {"cpu": [30.0] * 90}
    assert decided(size, policies, busy, 10, whole_minute=False)[0].desired == 12
    assert decided(size, policies, quiet, 10, whole_minute=False)[0].desired == 10
    assert decided(size, policies, quiet, 60)[0].desired == 6


@pytest.mark.parametrize(("size", "step", "expected"), [((2, 1, 3), 3, 3), ((3, 2, 9), -2, 2)])
def test_the_bounds_hold(size: tuple[int, int, int], step: int, expected: int) -> None:
    """EC2, "How scaling policies work": 2 of at most 3 and 3 more; 3 of at least 2 and 2 fewer."""
    one = Step("s", "cpu", 50, 1, step)
    assert after(Size(*size), replace(GROUP, steps=(one,)), 50, 0)[1] == expected


@pytest.mark.parametrize("policies", [GROUP, SERVICE])
def test_it_grows_if_any_policy_wants_and_shrinks_only_if_all_do(policies: Policies) -> None:
    both = replace(policies, tracking=(CPU, Tracking("requests", 100)))
    size = Size(10, 1, 100)
    low, high, fine = [10.0] * 16, [200.0] * 16, [95.0] * 16
    assert decided(size, both, {"cpu": low, "requests": high}, 0)[0].desired == 20
    assert decided(size, both, {"cpu": low, "requests": fine}, 0)[0].desired == 10
    changed = decided(size, both, {"cpu": low, "requests": [50.0] * 16}, 0)[1]
    assert changed == Resizing(0, 10, 5, "requests")  # not cpu's 2


def test_a_step_inwards_is_not_blocked_and_tracking_takes_it_back() -> None:
    """Application, "Considerations": the conflict that makes the plan leave step scale-in out."""
    policies = replace(SERVICE, tracking=(replace(CPU, target=45),), steps=(IN,))
    size, desired = after(Size(10, 1, 100), policies, 44, 0)
    assert desired == 8
    size, change = decided(size, policies, {"cpu": [55.0] * 16}, 60)
    assert change == Resizing(60, 8, 10, "cpu")


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
