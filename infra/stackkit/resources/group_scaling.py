from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.plan.scale_up import FAST_S
from stackkit.plan.thresholds import Steps
from stackkit.resources.component import Component
from stackkit.resources.placement import Placement
from stackkit.resources.scaling import PREDICTIVE_MODES, requests_label, step_alarm
from stackkit.resources.service_metrics import IN_FLIGHT, NAMESPACE, SERVICE
from stackkit.settings.schedules import Schedule


class GroupScaling(Component):
    """Keeps an Auto Scaling group as large as its load; the group holds its bounds itself."""

    def __init__(self, name: str, args: Placement, group: pulumi.Input[str]) -> None:
        super().__init__("service:scaling:GroupScaling", name)
        self._args = args
        self._group = group
        self._settings = args.settings
        for policy in args.settings.scaling_policies:
            if policy not in ("step", "in_flight"):
                self._track(policy)
        if in_flight := args.numbers.scaling.in_flight_target:
            self._track_in_flight(in_flight.value)
        if args.numbers.step:
            self._step(args.numbers.step)
        if args.settings.predictive_scaling in PREDICTIVE_MODES:
            self._predict(PREDICTIVE_MODES[args.settings.predictive_scaling])
        for number, schedule in enumerate(args.settings.scheduled_bounds, start=1):
            self._schedule(number, schedule)
        self.register_outputs({})

    def _track(self, policy: str) -> None:
        targets = self._args.numbers.scaling
        kind, target = {
            "cpu": ("ASGAverageCPUUtilization", targets.cpu_target.value),
            "requests": ("ALBRequestCountPerTarget", targets.requests_target.value),
            # EC2 counts the bytes of a minute, not of a second
            "network": ("ASGAverageNetworkOut", self._settings.network_target_bytes * 60),
        }[policy]
        metric: dict[str, Any] = {"predefined_metric_type": kind}
        if policy == "requests":
            metric["resource_label"] = requests_label(self._args.edge)
        self._keep_at(policy, target, predefined_metric_specification=metric)

    def _track_in_flight(self, target: int) -> None:
        metric = {
            "namespace": NAMESPACE,
            "metric_name": IN_FLIGHT,
            "metric_dimensions": [{"name": SERVICE, "value": self._prefix}],
            "statistic": "Average",
            "period": FAST_S,
        }
        self._keep_at("in-flight", target, customized_metric_specification=metric)

    def _keep_at(self, policy: str, target: int, **metric: Any) -> None:
        tracking = {"target_value": target, **metric}
        self._policy(policy, "TargetTrackingScaling", target_tracking_configuration=tracking)

    def _predict(self, mode: str) -> None:
        specification = {
            "target_value": self._args.numbers.scaling.cpu_target.value,
            "predefined_metric_pair_specification": {"predefined_metric_type": "ASGCPUUtilization"},
        }
        predictive = {"mode": mode, "metric_specification": specification}
        self._policy("predictive", "PredictiveScaling", predictive_scaling_configuration=predictive)

    def _policy(self, role: str, kind: str, **configuration: Any) -> aws.autoscaling.Policy:
        return aws.autoscaling.Policy(
            f"{self._prefix}-{role}",
            autoscaling_group_name=self._group,
            policy_type=kind,
            **configuration,
            opts=self._child,
        )

    def _step(self, step: Steps) -> None:
        tasks = self._settings.step_out_tasks
        out = self._policy(
            "step-out",
            "StepScaling",
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type="Average",
            # instances that still warm up count as added, so that a step isn't taken twice
            estimated_instance_warmup=self._settings.cooldown_s,
            step_adjustments=[{"scaling_adjustment": tasks, "metric_interval_lower_bound": "0"}],
        )
        step_alarm(self._prefix, self._args, step, out.arn, self, out=True)
        if step.scales_in:
            self._step_in(step)

    def _step_in(self, step: Steps) -> None:
        """Simple scaling: a group's step policies know no pause between two steps in."""
        back = self._policy(
            "step-in",
            "SimpleScaling",
            adjustment_type="ChangeInCapacity",
            scaling_adjustment=-self._settings.step_in_tasks,
            cooldown=self._settings.cooldown_s,
        )
        step_alarm(self._prefix, self._args, step, back.arn, self, out=False)

    def _schedule(self, number: int, schedule: Schedule) -> None:
        aws.autoscaling.Schedule(
            f"{self._prefix}-{number}",
            autoscaling_group_name=self._group,
            scheduled_action_name=f"{self._prefix}-{number}",
            recurrence=schedule.recurrence,
            time_zone="Etc/UTC",
            min_size=schedule.minimum,
            max_size=schedule.maximum,
            # -1: only the bounds move, the size follows the load
            desired_capacity=-1,
            opts=self._child,
        )
