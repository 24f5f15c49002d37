"""A fleet that is followed through a trace."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plans import stack
from stackkit.plan import plan
from stackkit.plan.scale_up import MINUTE
from stackkit.settings.errors import ConfigError
from stackkit.tools.simulate.findings import enough, findings
from stackkit.tools.simulate.policies import Step
from stackkit.tools.simulate.run import Setup, SimulationRun, simulate, with_minimum
from stackkit.tools.simulate.setup import setup, task_rate
from stackkit.tools.simulate.tasks import Starts, Tasks, advanced, resized
from stackkit.tools.simulate.traffic import MONDAY, TICK_S, Trace, shaped

STEPS = {"scaling_policies": ["step"], "step_out_requests": 0, "step_in_requests": 0}
SMALL = {"peak_in_flight": 2_000, "base_in_flight": 200}


def prepared(first_rate: float, **values: Any) -> tuple[Setup, plan.Plan]:
    settings = stack(**values)
    numbers = plan.derive(settings)
    return setup(numbers, first_rate), numbers


def followed(shape: str, **values: Any) -> tuple[SimulationRun, plan.Plan]:
    settings = stack(**values)
    per_second = 1000 / settings.latency_ms
    base, peak = settings.base_load * per_second, settings.peak_in_flight * per_second
    trace = shaped(shape, base, peak)
    fleet, numbers = prepared(trace.rates[0], **values)
    return simulate(fleet, trace), numbers


@st.composite
def runs(draw: st.DrawFn) -> SimulationRun:
    values: dict[str, Any] = SMALL | {
        "compute": draw(st.sampled_from(["fargate", "ec2"])),
        "instance_types": ["c7g.large"],
        "warm_pool": 0,
        "cooldown_s": draw(st.sampled_from([0, 60, 300])),
        "schedules": draw(st.sampled_from([[], ["5 0 * * * = 10..12", "20 0 * * MON = 9..15"]])),
        **draw(
            st.sampled_from(
                [
                    {},
                    {"scaling_policies": ["cpu"]},
                    {"scaling_policies": ["network", "requests"], "network_target_mbps": 10},
                    STEPS,
                    STEPS | {"scaling_policies": ["cpu", "step"]},
                ]
            )
        ),
    }
    if values["compute"] == "ec2" and draw(st.booleans()):
        values["scaling_policies"] = ["cpu", "in_flight"]
    if values["compute"] == "ec2" and draw(st.booleans()):
        values["warm_pool"] = 3
    minutes = draw(st.lists(st.integers(0, 60_000), min_size=1, max_size=45))
    rates = [float(rate) for rate in minutes for _ in range(MINUTE // TICK_S)]
    try:
        fleet, _ = prepared(rates[0], **values)
    except ConfigError:
        assume(False)
        raise
    return simulate(fleet, Trace("drawn", MONDAY, rates))


@given(runs())
def test_no_fleet_leaves_its_bounds(run: SimulationRun) -> None:
    bounds = [(0, run.setup.minimum, run.setup.maximum)]
    bounds += [(300, 10, 12), (1200, 9, 15)] if run.setup.schedules else []
    for one in run.ticks:
        _, least, most = next(bound for bound in reversed(bounds) if bound[0] <= one.second)
        assert least <= one.desired <= most
        assert one.tasks == one.desired
        assert 0 <= one.serving <= one.tasks


@given(runs())
def test_each_request_is_served_or_shed_and_none_is_made_up(run: SimulationRun) -> None:
    assert len(run.ticks) == len(run.trace.rates)
    for one, rate in zip(run.ticks, run.trace.rates, strict=True):
        assert one.load == rate
        assert min(one.load, one.capacity) + one.shed == pytest.approx(rate)
        assert one.capacity == one.serving * run.setup.task_rate


@given(runs())
def test_each_change_begins_where_the_one_before_ended(run: SimulationRun) -> None:
    size = run.setup.first
    for change in run.changes:
        assert change.before == size
        # within a minute, only what is looked at each ten seconds grows a fleet
        within = run.setup.policies.fast and change.grows
        assert change.at % (TICK_S if within else MINUTE) == 0
        size = change.after
    assert run.ticks[-1].desired == size


@given(st.integers(0, 12_000), st.integers(0, 12_000), st.sampled_from(["fargate", "ec2"]))
def test_a_larger_load_ends_with_no_smaller_fleet(one: int, other: int, compute: str) -> None:
    def end(rate: int) -> int:
        fleet, _ = prepared(0, **SMALL, compute=compute, instance_types=["c7g.large"])
        return simulate(fleet, Trace("level", MONDAY, [float(rate)] * 540)).ticks[-1].desired

    less, more = sorted((one, other))
    assert end(less) <= end(more)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_tasks_are_neither_made_up_nor_lost(serving: int, more: int, fewer: int) -> None:
    starts = Starts(60, 4, warm_pool=3)
    tasks = advanced(resized(Tasks(serving, warm=3), serving + more), 0, starts)
    assert tasks.total == serving + more
    left = resized(tasks, max(0, serving + more - fewer))
    assert left.total == max(0, serving + more - fewer)
    assert left.serving >= min(tasks.serving, left.total)  # what starts is given up first
    for now in range(10, 600, 10):
        left = advanced(left, now, starts)
    assert (left.serving, left.settled, left.warm) == (left.total, True, 3)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"scaling_policies": ["cpu"]},
        {"compute": "ec2"},
        {"compute": "ec2", "scaling_policies": ["cpu"]},
        {"compute": "ec2", "instance_types": ["c8g.xlarge"], "warm_pool": 100},
        STEPS | SMALL,
        STEPS | SMALL | {"compute": "ec2", "instance_types": ["c7g.large"]},
    ],
)
def test_the_plans_time_to_the_peak_is_the_simulations(values: dict[str, Any]) -> None:
    """The plan adds it up, the simulator plays it: a jump that fills the largest fleet."""
    fleet, numbers = prepared(0, **values)
    full = numbers.fleet.maximum.value * task_rate(numbers)
    rates = [0.0] * 60 + [full * 0.99] * 3000
    run = simulate(fleet, Trace("jump", MONDAY, rates))
    served = next(one.second for one in run.ticks if one.serving == run.setup.maximum)
    planned = numbers.pace.minimum_to_peak.value
    assert served - 600 == pytest.approx(planned, abs=2 * MINUTE)


def test_a_day_is_followed() -> None:
    run, _ = followed("day")
    assert [one.subject for one in findings(run)] == ["follows"]
    assert max(one.serving for one in run.ticks) == run.setup.maximum
    assert min(one.serving for one in run.ticks) == run.setup.minimum


def test_flash_load_is_not_served_and_the_sufficient_minimum_is_named() -> None:
    run, numbers = followed("flash")
    found = findings(run, numbers.config.zones, numbers.pace.minimum_to_peak.value)[0]
    assert (found.kind, found.subject) == ("bad", "too fast")
    assert "With fleet_min 210 (now 33) nothing is shed" in found.sentence
    assert sum(one.shed for one in simulate(with_minimum(run.setup, 210), run.trace).ticks) == 0
    assert sum(one.shed for one in simulate(with_minimum(run.setup, 207), run.trace).ticks) > 0


def test_proposed_schedule_serves_the_flash_load() -> None:
    run, numbers = followed("flash")
    sentence = findings(run, 3, numbers.pace.minimum_to_peak.value)[0].sentence
    line = sentence.partition('"')[2].partition('"')[0]
    scheduled, _ = followed("flash", schedules=[line])
    assert sum(one.shed for one in scheduled.ticks) == 0


def test_a_load_beyond_the_largest_fleet_is_said_to_be() -> None:
    fleet, _ = prepared(0)
    found = findings(simulate(fleet, Trace("much", MONDAY, [2e6] * 360)))[0]
    assert found.subject == "too large"
    assert "fills 667 tasks and the fleet ends at 321; raise peak_in_flight" in found.sentence


def swinging(minutes: int) -> list[float]:
    """A load that is low and high by turns."""
    half = [30_000.0] * (minutes * 3) + [8_000.0] * (minutes * 3)
    return half * 8


def test_a_fleet_that_turns_again_and_again_is_called_flapping() -> None:
    fleet, _ = prepared(8_000, **SMALL | STEPS | {"cooldown_s": 60})
    subjects = [one.subject for one in findings(simulate(fleet, Trace("", MONDAY, swinging(16))))]
    assert "flapping" in subjects


def test_policies_that_fight_are_named() -> None:
    """What the plan rules out: steps that shrink beside target tracking."""
    fleet, _ = prepared(8_000, **SMALL)
    shrinks = Step("step-in", "requests", 110_000, 5, -1)
    both = replace(fleet.policies, steps=(shrinks,))
    run = simulate(replace(fleet, policies=both), Trace("", MONDAY, [20_000.0] * 1440))
    fight = next(one for one in findings(run) if one.subject == "fight")
    assert " brought back what step-in had just taken" in fight.sentence


def test_a_schedule_moves_the_bounds_on_its_weekdays() -> None:
    values = SMALL | {"schedules": ["0 7 * * TUE-FRI = 12..15"]}
    fleet, _ = prepared(0, **values)
    ticks = [0.0] * (48 * 360)
    run = simulate(fleet, Trace("", MONDAY, ticks))
    first = next(one for one in run.changes)
    assert (first.at, first.after, first.why) == (31 * 3600, 12, "schedule")


def test_a_minimum_that_serves_is_at_most_the_maximum() -> None:
    fleet, numbers = prepared(0, **SMALL)
    rates = [0.0] * 60 + [numbers.fleet.maximum.value * task_rate(numbers)] * 60
    assert enough(simulate(fleet, Trace("", MONDAY, rates)), 3) == numbers.fleet.maximum.value


def test_a_group_that_follows_requests_in_flight_notices_a_jump_within_a_minute() -> None:
    ec2: dict[str, Any] = {"compute": "ec2"}
    first: dict[str, float] = {}
    for policy in ("requests", "in_flight"):
        run, numbers = followed("step", **ec2, scaling_policies=[policy])
        jump = next(one.second for one in run.ticks if one.load > run.ticks[0].load)
        first[policy] = next(one.at for one in run.changes if one.at > jump) - jump
        assert first[policy] <= numbers.pace.notice.value
        assert run.ticks[-1].shed == 0
    assert first["in_flight"] <= 60 < first["requests"]
