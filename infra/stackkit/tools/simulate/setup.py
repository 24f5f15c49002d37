"""A stack's fleet and policies, as resources/ hands them to AWS."""

from math import ceil

from stackkit.plan.fleet import busy_tasks, rate
from stackkit.plan.plan import Plan
from stackkit.plan.scale_up import (
    FAST_S,
    INSTANCE_START_S,
    LAUNCHES_PER_MINUTE,
    METRIC_DELAY_S,
    MINUTE,
    SCALE_OUT_COOLDOWN_S,
    STEP_IN_MINUTES,
    STEP_OUT_MINUTES,
    TASK_START_S,
)
from stackkit.settings.config import Config
from stackkit.tools.report import cost
from stackkit.tools.simulate.policies import Policies, Step, Tracking
from stackkit.tools.simulate.run import Setup
from stackkit.tools.simulate.tasks import Starts
from stackkit.tools.simulate.traffic import TICK_S


def task_rate(numbers: Plan) -> float:
    """Requests a second that fill one task, by its processor or by what it holds open."""
    workload = numbers.config
    busy = busy_tasks(1, workload, numbers.capacity)
    return float(rate(1, workload.latency_ms) / busy)


def setup(numbers: Plan, first_rate: float) -> Setup:
    """The fleet starts settled: as large as its target wants it for `first_rate`."""
    settings, fleet, full = numbers.config, numbers.fleet, task_rate(numbers)
    share = settings.utilisation_percent / 100
    settled = ceil(first_rate / (full * share) - 1e-9)
    return Setup(
        task_rate=full,
        answer_bytes=cost.ANSWER_BYTES,
        minimum=fleet.minimum.value,
        maximum=fleet.maximum.value,
        first=min(max(settled, fleet.minimum.value), fleet.maximum.value),
        policies=_policies(numbers),
        starts=_starts(settings),
        schedules=settings.scheduled_bounds,
    )


def _starts(settings: Config) -> Starts:
    if settings.compute == "fargate":
        return Starts(TASK_START_S, LAUNCHES_PER_MINUTE * TICK_S / MINUTE)
    return Starts(INSTANCE_START_S, warm_pool=settings.warm_pool)


def _policies(numbers: Plan) -> Policies:
    settings, timeouts = numbers.config, numbers.timeouts
    drained = timeouts.deregistration_delay.value + timeouts.stop.value
    group = settings.compute == "ec2"
    followed = (name for name in settings.scaling_policies if name != "step")
    tracking = tuple(_tracking(name, numbers) for name in followed)
    return Policies(
        group=group,
        tracking=tracking,
        steps=tuple(_steps(numbers)),
        tracking_out_s=INSTANCE_START_S if group else SCALE_OUT_COOLDOWN_S,
        step_out_s=settings.cooldown_s,
        # a group's target tracking has no pause of its own before it shrinks again
        in_s=0 if group and tracking else settings.cooldown_s,
        # and CloudWatch shows a minute without it
        leaving_s=drained + MINUTE + METRIC_DELAY_S,
    )


def _tracking(name: str, numbers: Plan) -> Tracking:
    settings = numbers.config
    if name == "in_flight":
        return Tracking(name, settings.utilisation_percent / 100, MINUTE // FAST_S)
    targets = {
        "cpu": numbers.scaling.cpu_target.value,
        "requests": numbers.scaling.requests_target.value,
        "network": settings.network_target_bytes,
    }
    return Tracking(name, targets[name])


def _steps(numbers: Plan) -> list[Step]:
    settings, step = numbers.config, numbers.step
    if step is None:
        return []
    out, back = step.out_requests.value, step.in_requests.value
    more = Step("step-out", "requests", out, STEP_OUT_MINUTES, settings.step_out_tasks)
    fewer = Step("step-in", "requests", back, STEP_IN_MINUTES, -settings.step_in_tasks)
    return [more, fewer] if step.scales_in else [more]
