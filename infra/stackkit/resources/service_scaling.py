from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.plan.scale_up import SCALE_OUT_COOLDOWN_S
from stackkit.plan.thresholds import Steps
from stackkit.resources.component import Component
from stackkit.resources.placement import Placement
from stackkit.resources.scaling import (
    BOTH_REQUESTS,
    PREDICTIVE_MODES,
    REQUESTS,
    request_counts,
    requests_label,
    step_alarm,
)
from stackkit.settings.schedules import Schedule

Inputs = dict[str, Any]


class ServiceScaling(Component):
    """Keeps an ECS service as large as its load."""

    def __init__(self, name: str, args: Placement, service: pulumi.Input[str]) -> None:
        super().__init__("service:scaling:ServiceScaling", name)
        self._args = args
        self._settings = args.settings
        self._names = {"ClusterName": args.standalone.cluster.name, "ServiceName": service}
        target = self._scalable_target()
        # what policies and schedules move
        self._moved: Inputs = {
            "service_namespace": target.service_namespace,
            "scalable_dimension": target.scalable_dimension,
            "resource_id": target.resource_id,
        }
        for policy in args.settings.scaling_policies:
            if policy != "step":
                self._track(policy)
        if args.numbers.step:
            self._step(args.numbers.step)
        if args.settings.predictive_scaling in PREDICTIVE_MODES:
            self._predict(PREDICTIVE_MODES[args.settings.predictive_scaling])
        for number, schedule in enumerate(args.settings.scheduled_bounds, start=1):
            self._schedule(number, schedule)
        self.register_outputs({})

    def _scalable_target(self) -> aws.appautoscaling.Target:
        fleet, path = self._args.numbers.fleet, "service/{0}/{1}"
        # a schedule moves the bounds; the next `pulumi up` must not move them back
        scheduled = ["min_capacity", "max_capacity"] if self._settings.schedules else []
        return aws.appautoscaling.Target(
            self._prefix,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.format(path, *self._names.values()),
            min_capacity=fleet.minimum.value,
            max_capacity=fleet.maximum.value,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=scheduled),
        )

    def _track(self, policy: str) -> None:
        targets, edge = self._args.numbers.scaling, self._args.edge
        tracking: Inputs = {
            "target_value": {
                "cpu": targets.cpu_target.value,
                "requests": targets.requests_target.value,
                "network": self._settings.network_target_bytes,
            }[policy],
            "scale_in_cooldown": self._settings.cooldown_s,
            "scale_out_cooldown": SCALE_OUT_COOLDOWN_S,
        }
        if policy == "network":
            tracking["customized_metric_specification"] = self._sent()
        elif policy == "requests" and len(edge.target_groups) > 1:
            tracking["customized_metric_specification"] = self._requests()
        else:
            kinds = {"cpu": "ECSServiceAverageCPUUtilization"}
            tracking["predefined_metric_specification"] = {
                "predefined_metric_type": kinds.get(policy, "ALBRequestCountPerTarget"),
                "resource_label": requests_label(edge) if policy == "requests" else None,
            }
        kind = "TargetTrackingScaling"
        self._policy(policy, kind, target_tracking_scaling_policy_configuration=tracking)

    def _requests(self) -> Inputs:
        """AWS's own metric knows one target group; those of a canary are added up."""
        namespace, name = REQUESTS
        metrics: list[Inputs] = []
        for id, by in request_counts(self._args.edge).items():
            dimensions = [{"name": key, "value": by[key]} for key in by]
            metric = {"namespace": namespace, "metric_name": name, "dimensions": dimensions}
            counted = {"metric": metric, "stat": "Sum"}
            metrics.append({"id": id, "metric_stat": counted, "return_data": False})
        both = {"id": "result", "expression": BOTH_REQUESTS, "return_data": True}
        return {"metrics": [*metrics, both]}

    def _sent(self) -> Inputs:
        """Bytes a second that a task sends, as Container Insights measures it."""
        return {
            "namespace": "ECS/ContainerInsights",
            "metric_name": "NetworkTxBytes",
            "statistic": "Average",
            "unit": "Bytes/Second",
            "dimensions": [{"name": name, "value": self._names[name]} for name in self._names],
        }

    def _step(self, step: Steps) -> None:
        # the interval counts from the alarm's threshold: up from it, or down
        more, fewer = self._settings.step_out_tasks, -self._settings.step_in_tasks
        out = self._adjust("step-out", more, "metric_interval_lower_bound")
        step_alarm(self._prefix, self._args, step, out.arn, self, out=True)
        if step.scales_in:
            back = self._adjust("step-in", fewer, "metric_interval_upper_bound")
            step_alarm(self._prefix, self._args, step, back.arn, self, out=False)

    def _adjust(self, role: str, tasks: int, bound: str) -> aws.appautoscaling.Policy:
        steps = {
            "adjustment_type": "ChangeInCapacity",
            "cooldown": self._settings.cooldown_s,
            "metric_aggregation_type": "Average",
            "step_adjustments": [{"scaling_adjustment": tasks, bound: "0"}],
        }
        return self._policy(role, "StepScaling", step_scaling_policy_configuration=steps)

    def _predict(self, mode: str) -> None:
        specification = {
            "target_value": str(self._args.numbers.scaling.cpu_target.value),
            "predefined_metric_pair_specification": {
                "predefined_metric_type": "ECSServiceCPUUtilization"
            },
        }
        predictive = {"mode": mode, "metric_specifications": [specification]}
        kind = "PredictiveScaling"
        self._policy("predictive", kind, predictive_scaling_policy_configuration=predictive)

    def _policy(self, role: str, kind: str, **configuration: Any) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{self._prefix}-{role}",
            policy_type=kind,
            **self._moved,
            **configuration,
            opts=self._child,
        )

    def _schedule(self, number: int, schedule: Schedule) -> None:
        bounds: Any = {"min_capacity": schedule.minimum, "max_capacity": schedule.maximum}
        aws.appautoscaling.ScheduledAction(
            f"{self._prefix}-{number}",
            **self._moved,
            schedule=schedule.aws_expression,
            timezone="UTC",
            scalable_target_action=bounds,
            opts=self._child,
        )
