from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources.scaling import (
    BYTES_PER_MEGABIT,
    PREDICTIVE_MODES,
    ScalingArgs,
    StepArgs,
    requests_label,
    step_in_alarm,
    step_out_alarm,
)


@dataclass(frozen=True, kw_only=True)
class GroupScalingArgs:
    scaling: ScalingArgs
    group: pulumi.Input[str]


class GroupScaling(pulumi.ComponentResource):
    """Keeps an Auto Scaling group as large as its load; the group holds its bounds itself."""

    def __init__(
        self, name: str, args: GroupScalingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:scaling:GroupScaling", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        for policy in args.scaling.policies:
            if policy != "step":
                self._track(policy)
        if args.scaling.step:
            self._step(args.scaling.step)
        if args.scaling.predictive in PREDICTIVE_MODES:
            self._predict(PREDICTIVE_MODES[args.scaling.predictive])
        for number, _ in enumerate(args.scaling.schedules, start=1):
            self._schedule(number)
        self.register_outputs({})

    def _track(self, policy: str) -> None:
        scaling = self._args.scaling
        kind, target = {
            "cpu": ("ASGAverageCPUUtilization", scaling.cpu_percent),
            "requests": ("ALBRequestCountPerTarget", scaling.requests_per_minute),
            # EC2 counts the bytes of a minute, not of a second
            "network": ("ASGAverageNetworkOut", scaling.network_mbps * BYTES_PER_MEGABIT * 60),
        }[policy]
        metric: Any = {"predefined_metric_type": kind}
        if policy == "requests":
            metric["resource_label"] = requests_label(scaling)
        aws.autoscaling.Policy(
            f"{self._prefix}-{policy}",
            autoscaling_group_name=self._args.group,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration={
                "target_value": target,
                "predefined_metric_specification": metric,
            },
            opts=self._child,
        )

    def _predict(self, mode: str) -> None:
        pair: Any = {"predefined_metric_type": "ASGCPUUtilization"}
        aws.autoscaling.Policy(
            f"{self._prefix}-predictive",
            autoscaling_group_name=self._args.group,
            policy_type="PredictiveScaling",
            predictive_scaling_configuration={
                "mode": mode,
                "metric_specification": {
                    "target_value": self._args.scaling.cpu_percent,
                    "predefined_metric_pair_specification": pair,
                },
            },
            opts=self._child,
        )

    def _step(self, step: StepArgs) -> None:
        scaling = self._args.scaling
        adjustment: Any = {"scaling_adjustment": step.out_tasks, "metric_interval_lower_bound": "0"}
        out = aws.autoscaling.Policy(
            f"{self._prefix}-step-out",
            autoscaling_group_name=self._args.group,
            policy_type="StepScaling",
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type="Average",
            # instances that still warm up count as added, so that a step isn't taken twice
            estimated_instance_warmup=scaling.cooldown_s,
            step_adjustments=[adjustment],
            opts=self._child,
        )
        step_out_alarm(self._prefix, scaling, step, out.arn, self)
        if step.scales_in:
            self._step_in(step)

    def _step_in(self, step: StepArgs) -> None:
        """Simple scaling: a group's step policies know no pause between two steps in."""
        back = aws.autoscaling.Policy(
            f"{self._prefix}-step-in",
            autoscaling_group_name=self._args.group,
            policy_type="SimpleScaling",
            adjustment_type="ChangeInCapacity",
            scaling_adjustment=-step.in_tasks,
            cooldown=self._args.scaling.cooldown_s,
            opts=self._child,
        )
        step_in_alarm(self._prefix, self._args.scaling, step, back.arn, self)

    def _schedule(self, number: int) -> None:
        schedule = self._args.scaling.schedules[number - 1]
        aws.autoscaling.Schedule(
            f"{self._prefix}-{number}",
            autoscaling_group_name=self._args.group,
            scheduled_action_name=f"{self._prefix}-{number}",
            recurrence=schedule.recurrence,
            time_zone="Etc/UTC",
            min_size=schedule.minimum,
            max_size=schedule.maximum,
            # -1: only the bounds move, the size follows the load
            desired_capacity=-1,
            opts=self._child,
        )
