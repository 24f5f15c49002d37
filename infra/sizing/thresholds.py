from dataclasses import dataclass

from refusal import Refusal
from sizing.fleet import Fleet
from sizing.inputs import Scaling, Task, Workload
from sizing.number import Number


@dataclass(frozen=True)
class Thresholds:
    """When the fleet grows and shrinks; requests are counted per target and minute."""

    cpu_target: Number
    requests_target: Number
    step_out_requests: Number
    step_in_requests: Number
    step_scales_in: bool
    step_scale_in_reason: str


def thresholds(workload: Workload, task: Task, scaling: Scaling, fleet: Fleet) -> Thresholds:
    full_minute = task.capacity.requests_per_second * 60
    derived = full_minute * workload.utilisation_percent // 100
    target = scaling.requests_target or derived
    step_out = scaling.step_out_requests or derived
    step_in = scaling.step_in_requests or derived // 2
    _check_requests_target(target, full_minute)
    if "step" in scaling.policies:
        _check_steps(step_out, step_in, fleet)
    scales_in, reason = _step_scale_in(scaling.policies)
    utilisation = f"{workload.utilisation_percent} % of {task.capacity.requests_per_second}/s"
    return Thresholds(
        cpu_target=Number(
            workload.utilisation_percent,
            "%",
            f"{100 - workload.utilisation_percent} % stay free for bursts while tasks start",
        ),
        requests_target=Number(
            target, "requests/min", _origin(scaling.requests_target, f"{utilisation} x 60 s")
        ),
        step_out_requests=Number(
            step_out, "requests/min", _origin(scaling.step_out_requests, f"{utilisation} x 60 s")
        ),
        step_in_requests=Number(
            step_in,
            "requests/min",
            _origin(scaling.step_in_requests, "half of the scale-out threshold"),
        ),
        step_scales_in=scales_in,
        step_scale_in_reason=reason,
    )


def _origin(given: int, derivation: str) -> str:
    return "set in the stack" if given else derivation


def _check_requests_target(target: int, full_minute: int) -> None:
    if target > full_minute:
        raise Refusal(
            f"requests_target: {target} a minute is more than the {full_minute} that one task"
            " sustains, so the fleet would never grow; lower it or set it to 0."
        )


def _check_steps(step_out: int, step_in: int, fleet: Fleet) -> None:
    """A step up must leave the load per target above the threshold for a step down."""
    if step_in * 2 > step_out:
        raise Refusal(
            f"step_in_requests: {step_in} is more than half of step_out_requests ({step_out}), so"
            " a step out of a small fleet is followed by a step in; lower it or set both to 0."
        )
    needed = -(-fleet.peak_rate.value * 60 // step_out)
    if needed > fleet.maximum.value:
        raise Refusal(
            f"step_out_requests: {step_out} a minute asks for {needed} tasks at the peak and the"
            f" fleet ends at {fleet.maximum.value}; set it to 0 to derive it from a task's"
            ' capacity, leave "step" out of scaling_policies, or lower peak_in_flight.'
        )


def _step_scale_in(policies: tuple[str, ...]) -> tuple[bool, str]:
    if "step" not in policies:
        return False, "no step policy"
    others = [name for name in policies if name != "step"]
    if others:
        return False, (
            f"left out: {' and '.join(others)} already shrink the fleet, and a step down doesn't"
            " wait for them"
        )
    return True, "the step policy is the only one"
