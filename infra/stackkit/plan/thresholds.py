from dataclasses import dataclass

from stackkit.plan.capacity import TaskCapacity
from stackkit.plan.derived_value import DerivedValue, ceil_div
from stackkit.plan.fleet import FleetSize, busy_tasks
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError


@dataclass(frozen=True)
class Thresholds:
    """Where target tracking keeps the fleet; requests are counted per target and minute."""

    cpu_target: DerivedValue
    requests_target: DerivedValue
    # if a policy follows it
    in_flight_target: DerivedValue | None


@dataclass(frozen=True)
class Steps:
    """When the step policy moves, in requests per target and minute."""

    out_requests: DerivedValue
    in_requests: DerivedValue
    scales_in: bool
    scale_in_rationale: str


def thresholds(config: Config, capacity: TaskCapacity, fleet: FleetSize) -> Thresholds:
    _check_schedules(config, fleet)
    full_minute = capacity.requests_per_second * 60
    target = _number("requests_target", config.requests_target, *_derived(config, capacity))
    if target.value > full_minute:
        raise ConfigError(
            f"requests_target: {target.value} a minute is more than the {full_minute} that one"
            " task sustains, so the fleet would never grow; lower it or set it to 0."
        )
    free = 100 - config.utilisation_percent
    cpu = DerivedValue(config.utilisation_percent, "%", f"{free} % stay free while new tasks start")
    in_flight = _in_flight(config, capacity) if "in_flight" in config.scaling_policies else None
    return Thresholds(cpu_target=cpu, requests_target=target, in_flight_target=in_flight)


def _in_flight(config: Config, capacity: TaskCapacity) -> DerivedValue:
    full, share = 1 / busy_tasks(1, config, capacity), config.utilisation_percent
    rationale = f"{share} % of the {round(full):,} that fill one at {config.latency_ms} ms"
    return DerivedValue(max(1, round(full * share / 100)), "requests", rationale)


def steps(config: Config, capacity: TaskCapacity, fleet: FleetSize) -> Steps | None:
    """The step policy's thresholds, if the stack has one."""
    if "step" not in config.scaling_policies:
        return None
    step_out = _number("step_out_requests", config.step_out_requests, *_derived(config, capacity))
    stable = _stable(step_out.value, config, fleet)
    step_in = _number(
        "step_in_requests",
        config.step_in_requests,
        min(step_out.value // 2, stable),
        "half of scale-out's, or less for a small fleet",
    )
    others = [name for name in config.scaling_policies if name != "step"]
    _check_step_out(step_out.value, fleet)
    if not others:
        _check_step_in(step_in.value, stable, step_out.value, fleet)
    return Steps(
        out_requests=step_out,
        in_requests=step_in,
        scales_in=not others,
        scale_in_rationale=_scale_in_rationale(others),
    )


def _stable(step_out: int, config: Config, fleet: FleetSize) -> int:
    """The highest scale-in threshold that the smallest fleet's own step doesn't cross.

    A step changes the load per target by tasks / (tasks + step), most of all at the minimum.
    """
    fewest, step = fleet.minimum.value, max(config.step_out_tasks, config.step_in_tasks)
    return ceil_div(step_out * fewest, fewest + step) - 1


def _derived(config: Config, capacity: TaskCapacity) -> tuple[int, str]:
    rate, share = capacity.requests_per_second, config.utilisation_percent
    return rate * 60 * share // 100, f"{share} % of {rate:,}/s x 60 s"


def _number(key: str, given: int, derived: int, rationale: str) -> DerivedValue:
    return DerivedValue(given or derived, "requests/min", key if given else rationale)


def _scale_in_rationale(others: list[str]) -> str:
    """Step scale-in doesn't wait for target tracking that isn't ready, so only one may shrink."""
    if not others:
        return "by steps: no other policy shrinks the fleet"
    return f"left to {' and '.join(others)}: two policies that shrink would fight"


def _check_schedules(config: Config, fleet: FleetSize) -> None:
    for schedule in config.scheduled_bounds:
        if schedule.maximum > fleet.maximum.value:
            raise ConfigError(
                f"schedules: {schedule.maximum} tasks are more than the fleet's maximum of"
                f" {fleet.maximum.value}, for which pools and quotas are counted; lower it or"
                " raise fleet_max."
            )


def _check_step_in(step_in: int, stable: int, step_out: int, fleet: FleetSize) -> None:
    if step_in > stable:
        raise ConfigError(
            f"step_in_requests: at {step_in} and step_out_requests {step_out} a fleet of"
            f" {fleet.minimum.value} would step out and in by turns; use {stable} or less, set it"
            " to 0, or raise fleet_min."
        )


def _check_step_out(step_out: int, fleet: FleetSize) -> None:
    needed = ceil_div(fleet.peak_rate.value * 60, step_out)
    if needed > fleet.maximum.value:
        raise ConfigError(
            f"step_out_requests: {step_out} a minute asks for {needed} tasks at the peak and the"
            f" fleet ends at {fleet.maximum.value}; set it to 0 to derive it from a task's"
            ' capacity, leave "step" out of scaling_policies, or lower peak_in_flight.'
        )
