"""What must hold for every plan that isn't refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plans import planned, stack
from stackkit.plan import plan
from stackkit.plan.network import nat_ports
from stackkit.plan.timeouts import LONGEST_REQUEST, SHORTEST_REQUEST, timeouts
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError

FARGATE = st.sampled_from([(256, 512), (512, 1024), (1024, 2048), (2048, 4096), (4096, 8192)])
TWO_CORES, FOUR_CORES = ("c7g.large",), ("c8g.xlarge", "c7g.xlarge")


@st.composite
def stacks(draw: st.DrawFn) -> Config:
    peak = draw(st.integers(1, 100_000))
    cpu, memory = draw(FARGATE)
    values: dict[str, Any] = {
        "tier": draw(st.sampled_from(["dev", "prod"])),
        "compute": draw(st.sampled_from(["fargate", "ec2"])),
        "instance_types": draw(st.sampled_from([TWO_CORES, FOUR_CORES])),
        "peak_in_flight": peak,
        "base_in_flight": draw(st.integers(0, peak)),
        "latency_ms": draw(st.integers(20, 3000)),
        "utilisation_percent": draw(st.integers(30, 90)),
        "request_timeout_s": draw(st.integers(4, LONGEST_REQUEST)),
        "task_cpu": cpu,
        "task_memory_mib": memory,
        "zones": draw(st.integers(2, 3)),
        "database_class": draw(st.sampled_from(["db.r8g.2xlarge", "db.m8g.large"])),
    }
    return stack(**values)


@st.composite
def plans(draw: st.DrawFn) -> plan.Plan:
    try:
        return plan.derive(draw(stacks()))
    except ConfigError:
        assume(False)
        raise


def carried(derived: plan.Plan, tasks: int, in_flight: int, percent: int) -> bool:
    """Whether so many tasks hold the load at that share of their capacity."""
    workload, capacity = derived.config, derived.capacity
    rate = in_flight * 1000 / workload.latency_ms
    allowed = percent / 100 * (1 + 1e-9)
    return (
        rate <= tasks * capacity.requests_per_second * allowed
        and in_flight <= tasks * capacity.in_flight * allowed
    )


@given(plans())
def test_the_largest_fleet_carries_the_peak_at_the_target_utilisation(derived: plan.Plan) -> None:
    workload = derived.config
    tasks = derived.fleet.maximum.value
    assert carried(derived, tasks, workload.peak_in_flight, workload.utilisation_percent)


@given(plans())
def test_production_carries_its_load_with_a_zone_gone(derived: plan.Plan) -> None:
    workload, fleet = derived.config, derived.fleet
    assume(workload.production)
    for tasks, load in (
        (fleet.maximum.value, workload.peak_in_flight),
        (fleet.minimum.value, workload.base_load),
    ):
        assert tasks % workload.zones == 0
        assert carried(derived, tasks * (workload.zones - 1) // workload.zones, load, 100)


@given(plans())
def test_the_fleet_is_no_larger_than_it_must_be(derived: plan.Plan) -> None:
    workload, fleet = derived.config, derived.fleet
    one_step = workload.zones if workload.production else 1
    fewer = fleet.maximum.value - one_step
    enough = carried(derived, fewer, workload.peak_in_flight, workload.utilisation_percent)
    survivors = fewer * (workload.zones - 1) // workload.zones
    survives = carried(derived, survivors, workload.peak_in_flight, 100)
    assert fewer == 0 or not (enough and (survives or not workload.production))


@given(stacks(), st.integers(1, 50_000))
def test_more_load_never_needs_fewer_tasks(config: Config, more: int) -> None:
    values = {"latency_ms": config.latency_ms, "database_class": "db.r8g.16xlarge"}
    try:
        less = planned(peak_in_flight=config.peak_in_flight, base_in_flight=1, **values)
        grown = planned(peak_in_flight=config.peak_in_flight + more, base_in_flight=1, **values)
    except ConfigError:
        assume(False)
        return
    assert grown.fleet.maximum.value >= less.fleet.maximum.value


@given(plans())
def test_a_deployment_never_runs_out_of_connections(derived: plan.Plan) -> None:
    workers = derived.fleet.maximum.value * 2 * derived.server.workers.value
    pools = derived.pools
    assert pools.database.value * workers <= pools.database_connections.value
    assert pools.upstream.value * workers <= max(nat_ports(derived.config), workers)
    assert (pools.cache.value + 1) * workers <= 65_000


@given(plans())
def test_a_worker_never_runs_out_of_open_files(derived: plan.Plan) -> None:
    pools, server = derived.pools, derived.server
    clients = pools.database.value + pools.cache.value + pools.upstream.value
    assert server.backpressure.value + clients < server.open_files.value
    assert server.max_in_flight.value < server.backpressure.value <= server.backlog.value


@given(plans())
def test_each_number_is_positive_and_has_a_reason(derived: plan.Plan) -> None:
    for name, number in plan.numbers(derived):
        # a fleet of one size has nowhere to grow
        assert number.value > 0 or name == "pace.minimum_to_peak", name
        assert number.rationale, name


@given(plans())
def test_every_limit_is_kept_that_the_account_cannot_raise(derived: plan.Plan) -> None:
    for check in derived.checks:
        assert check.ask or not check.short, check.subject


@given(st.integers(SHORTEST_REQUEST, LONGEST_REQUEST))
def test_each_timeout_ends_before_the_next_one(request: int) -> None:
    ladder = timeouts(request)
    rungs = [
        ladder.database_command,
        ladder.upstream,
        ladder.request,
        ladder.deregistration_delay,
        ladder.workers_kill,
        ladder.stop,
    ]
    seconds = [rung.value for rung in rungs]
    assert seconds == sorted(set(seconds))
    assert 1 <= ladder.database_acquire.value <= ladder.database_command.value
    assert ladder.stop.value <= 120
    # what is left of the kill timeout when the drain is over is enough for any request
    assert ladder.workers_kill.value - ladder.drain.value > request
    assert ladder.request.value < ladder.alb_idle.value < ladder.keep_alive.value == 59


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 5))
def test_a_step_is_never_taken_back_by_the_opposite_step(fewest: int, out: int, back: int) -> None:
    steps = {"step_out_requests": 0, "step_in_requests": 0}
    sizes = {"fleet_min": fewest, "step_out_tasks": out, "step_in_tasks": back}
    derived = planned(tier="dev", base_in_flight=1, scaling_policies=["step"], **steps, **sizes)
    assert derived.step
    high, low = derived.step.out_requests.value, derived.step.in_requests.value
    assert high * fewest / (fewest + out) > low
    assert low * (fewest + back) / fewest < high


def test_production_holds_fifty_thousand_in_flight() -> None:
    derived = planned()
    assert plan.outputs(derived) == {
        "fleet.peak_rate": 625_000,
        "fleet.busy_at_peak": 209,
        "fleet.minimum": 33,
        "fleet.maximum": 321,
        "scaling.cpu_target": 65,
        "scaling.requests_target": 117_000,
        "pace.notice": 360,
        "pace.start": 60,
        "pace.minimum_to_peak": 455,
        "server.workers": 1,
        "server.max_in_flight": 4000,
        "server.backpressure": 8000,
        "server.backlog": 65_535,
        "server.open_files": 65_535,
        "pools.database": 7,
        "pools.cache": 8,
        "pools.upstream": 171,
        "pools.database_connections": 4630,
        "timeouts.database_acquire": 1,
        "timeouts.database_command": 3,
        "timeouts.upstream": 6,
        "timeouts.request": 10,
        "timeouts.deregistration_delay": 20,
        "timeouts.drain": 5,
        "timeouts.workers_kill": 30,
        "timeouts.stop": 40,
        "timeouts.alb_idle": 50,
        "timeouts.keep_alive": 59,
        "timeouts.statement": 10,
        "timeouts.idle_in_transaction": 20,
        "timeouts.connection_lifetime": 300,
        "subnets.private": 20,
        "subnets.public": 24,
        "subnets.isolated": 24,
    }


@pytest.mark.parametrize(
    ("policies", "scales_in"),
    [(["step"], True), (["step", "cpu"], False), (["requests", "step"], False)],
)
def test_steps_only_shrink_the_fleet_when_nothing_else_does(
    policies: list[str], scales_in: bool
) -> None:
    step = planned(scaling_policies=policies, step_out_requests=0, step_in_requests=0).step
    assert step
    assert step.scales_in is scales_in


@pytest.mark.parametrize(
    ("values", "target"),
    [
        # 3,000 requests a second and vCPU, each for so long
        ({"latency_ms": 80}, 0.65 * 4 * 3000 * 0.08),
        # what a task holds open comes first
        ({"latency_ms": 4000}, 0.65 * 4 * 4000),
        ({"latency_ms": 80, "utilisation_percent": 40}, 0.4 * 4 * 3000 * 0.08),
    ],
)
def test_the_target_in_flight_is_a_share_of_what_fills_an_instance(
    values: dict[str, object], target: float
) -> None:
    fast = {"compute": "ec2", "scaling_policies": ["in_flight"]}
    found = planned(**fast, **values).scaling.in_flight_target
    assert found
    assert found.value == target


def test_the_sources_step_thresholds_serve_a_small_fleet() -> None:
    derived = planned(
        peak_in_flight=10,
        base_in_flight=1,
        latency_ms=200,
        fleet_max=6,
        scaling_policies=["step"],
    )
    assert derived.step
    assert (derived.step.out_requests.value, derived.step.in_requests.value) == (1000, 500)


def test_the_plan_needs_no_pulumi() -> None:
    program = "import stackkit.plan.plan, sys; sys.exit('pulumi' in sys.modules)"
    folder = Path(plan.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=folder).returncode == 0


def test_pools_fit_the_database_that_runs_until_the_maintenance_window() -> None:
    small, large = "db.r8g.xlarge", "db.r8g.2xlarge"
    now = planned(database_class=small).pools
    for running, wanted in ((small, large), (large, small)):
        waiting = planned(database_class=wanted, running_database_class=running).pools
        assert waiting.database.value == now.database.value
        assert waiting.database_connections.value == now.database_connections.value
    assert planned(database_class=large).pools.database.value > now.database.value
