"""How fast a fleet grows: AWS's alarms, the pauses of this program, and the starts of tasks."""

from dataclasses import dataclass
from math import ceil

from stackkit.plan.derived_value import DerivedValue, ceil_div
from stackkit.plan.fleet import FleetSize
from stackkit.settings.config import Config

MINUTE = 60  # seconds: the period of every alarm here
# a minute's figure is in CloudWatch about a minute after that minute has ended, and an alarm looks
# at it about a minute later. With the minute in which a load jumps and three full ones: 360 s.
# AWS's own benchmark of target tracking at 60 s says 363 s from the load to the trigger.
METRIC_DELAY_S = 120
# the same of requests in flight: the period, and up to as long in the collector and in CloudWatch
FAST_S = 10
FAST_DELAY_S = 2 * FAST_S
# alarms of target tracking as both Auto Scaling services make them, and as the console shows them
TRACKING_OUT_MINUTES = 3
TRACKING_IN_MINUTES = 15
# alarms of the step policy
STEP_OUT_MINUTES = 1
STEP_IN_MINUTES = 5
# a burst doesn't wait: only shrinking takes the configured pause
SCALE_OUT_COOLDOWN_S = 60
# assumed: half a minute to place, pull and start, another until the first health check
TASK_START_S = 60
# until a new instance counts: it boots, installs Docker and pulls the image
INSTANCE_START_S = 180
# assumed: a stopped instance of the warm pool has its image and starts as a task does
WARM_START_S = 60
# ECS service quotas: "Tasks launched by a service per minute on Fargate"
LAUNCHES_PER_MINUTE = 500


@dataclass(frozen=True)
class ScaleUpTime:
    """Seconds from a jump of the load until the fleet that it needs serves."""

    notice: DerivedValue
    start: DerivedValue
    minimum_to_peak: DerivedValue


def scale_up_time(config: Config, fleet: FleetSize) -> ScaleUpTime:
    compute = config.compute
    tracks = config.scaling_policies != ("step",)
    datapoints = TRACKING_OUT_MINUTES if tracks else STEP_OUT_MINUTES
    fast = "in_flight" in config.scaling_policies
    period, delay = (FAST_S, FAST_DELAY_S) if fast else (MINUTE, METRIC_DELAY_S)
    # the period in which the load jumps shows a part of it
    notice = period + datapoints * period + delay
    start, start_why = _start(config)
    more = fleet.maximum.value - fleet.minimum.value
    rounds, why = _rounds(config, fleet)
    pause, pause_why = _pause(config, start, tracks)
    launching = ceil(more * MINUTE / LAUNCHES_PER_MINUTE) if compute == "fargate" else 0
    waiting = max(0, rounds - 1) * pause
    between = f" + {rounds - 1} x {pause} between decisions ({pause_why})" if waiting else ""
    launches = f" + {launching} to launch {more}" if launching else ""
    return ScaleUpTime(
        notice=DerivedValue(
            notice,
            "s",
            f"assumed: {datapoints} of {datapoints} periods of {FAST_S} s after that of the jump,"
            f" and {FAST_DELAY_S} s until an alarm acts on them"
            if fast
            else f"the minute of the jump, {datapoints} of {datapoints} minutes above the target,"
            " and two until an alarm acts on them",
        ),
        start=DerivedValue(start, "s", start_why),
        minimum_to_peak=DerivedValue(
            notice + waiting + launching + start if more else 0,
            "s",
            f"{notice} to notice{between}{launches} + {start} to start: {why}"
            if more
            else "the fleet has one size",
        ),
    )


def _start(config: Config) -> tuple[int, str]:
    if config.compute == "fargate":
        return TASK_START_S, "assumed: place, pull, start, and a first health check"
    if config.warm_pool:
        others = f"others {INSTANCE_START_S} s"
        return WARM_START_S, f"assumed, for the {config.warm_pool} of the warm pool; {others}"
    return INSTANCE_START_S, "assumed: boot, install Docker, pull, start"


def _rounds(config: Config, fleet: FleetSize) -> tuple[int, str]:
    """Decisions from the minimum to the maximum."""
    fewest, most = fleet.minimum.value, fleet.maximum.value
    if {"requests", "in_flight"} & set(config.scaling_policies):
        return 1, "one decision, because requests are counted in full, however few serve them"
    if config.scaling_policies == ("step",):
        steps = ceil((most - fewest) / config.step_out_tasks)
        return steps, f"{steps:,} decisions of {config.step_out_tasks} tasks"
    share = config.utilisation_percent
    rounds, size = 0, fewest
    while size < most:
        rounds, size = rounds + 1, ceil_div(size * 100, share)
    return rounds, (
        f"{rounds} decisions, because no task shows more than 100 % of its CPU and so none grows"
        f" the fleet by more than 100 / {share}"
    )


def _pause(config: Config, start: int, tracks: bool) -> tuple[int, str]:
    if config.compute == "ec2":
        warming = INSTANCE_START_S if tracks else config.cooldown_s
        return warming, "an instance's warm-up"
    cooldown = SCALE_OUT_COOLDOWN_S if tracks else config.cooldown_s
    return start + cooldown, "a start and a cooldown"
