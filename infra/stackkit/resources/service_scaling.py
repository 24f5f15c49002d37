from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws.appautoscaling import (
    PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgsDict,
)

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

Predictive = aws.appautoscaling.PolicyPredictiveScalingPolicyConfigurationArgsDict
Stepping = aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgsDict
Tracking = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgsDict
OwnMetric = PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgsDict


class ServiceScaling(Component):
    """Keeps an ECS service as large as its load."""

    def __init__(self, name: str, args: Placement, service: pulumi.Input[str]) -> None:
        super().__init__("service:scaling:ServiceScaling", name)
        self._args = args
        self._settings = args.settings
        self._names = {"ClusterName": args.standalone.cluster.name, "ServiceName": service}
        self._target = self._scalable_target()
        for policy in args.settings.scaling_policies:
            if policy != "step":
                self._policy(policy, "TargetTrackingScaling", tracking=self._tracking(policy))
        if args.numbers.step:
            self._step(args.numbers.step)
        if args.settings.predictive_scaling in PREDICTIVE_MODES:
            self._policy("predictive", "PredictiveScaling", predictive=self._predictive())
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

    def _tracking(self, policy: str) -> Tracking:
        targets, edge = self._args.numbers.scaling, self._args.edge
        tracking = Tracking(
            target_value={
                "cpu": targets.cpu_target.value,
                "requests": targets.requests_target.value,
                "network": self._settings.network_target_bytes,
            }[policy],
            scale_in_cooldown=self._settings.cooldown_s,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_S,
        )
        if policy == "network":
            tracking["customized_metric_specification"] = self._sent()
        elif policy == "requests" and len(edge.target_groups) > 1:
            tracking["customized_metric_specification"] = self._requests()
        else:
            kinds = {"cpu": "ECSServiceAverageCPUUtilization"}
            metric: Any = {
                "predefined_metric_type": kinds.get(policy, "ALBRequestCountPerTarget"),
                "resource_label": requests_label(edge) if policy == "requests" else None,
            }
            tracking["predefined_metric_specification"] = metric
        return tracking

    def _requests(self) -> OwnMetric:
        """AWS's own metric knows one target group; those of a canary are added up."""
        namespace, name = REQUESTS
        counts: Any = [
            {
                "id": id,
                "metric_stat": {
                    "metric": {
                        "namespace": namespace,
                        "metric_name": name,
                        "dimensions": [{"name": key, "value": by[key]} for key in by],
                    },
                    "stat": "Sum",
                },
                "return_data": False,
            }
            for id, by in request_counts(self._args.edge).items()
        ]
        both: Any = {"id": "result", "expression": BOTH_REQUESTS, "return_data": True}
        return {"metrics": [*counts, both]}

    def _sent(self) -> OwnMetric:
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
        adjustment: Any = {"scaling_adjustment": tasks, bound: "0"}
        steps = Stepping(
            adjustment_type="ChangeInCapacity",
            cooldown=self._settings.cooldown_s,
            metric_aggregation_type="Average",
            step_adjustments=[adjustment],
        )
        return self._policy(role, "StepScaling", steps=steps)

    def _predictive(self) -> Predictive:
        pair: Any = {"predefined_metric_type": "ECSServiceCPUUtilization"}
        return {
            "mode": PREDICTIVE_MODES[self._settings.predictive_scaling],
            "metric_specifications": [
                {
                    "target_value": str(self._args.numbers.scaling.cpu_target.value),
                    "predefined_metric_pair_specification": pair,
                }
            ],
        }

    def _policy(
        self,
        role: str,
        kind: str,
        *,
        tracking: Tracking | None = None,
        steps: Stepping | None = None,
        predictive: Predictive | None = None,
    ) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{self._prefix}-{role}",
            policy_type=kind,
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            target_tracking_scaling_policy_configuration=tracking,
            step_scaling_policy_configuration=steps,
            predictive_scaling_policy_configuration=predictive,
            opts=self._child,
        )

    def _schedule(self, number: int, schedule: Schedule) -> None:
        bounds: Any = {"min_capacity": schedule.minimum, "max_capacity": schedule.maximum}
        aws.appautoscaling.ScheduledAction(
            f"{self._prefix}-{number}",
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            schedule=schedule.aws_expression,
            timezone="UTC",
            scalable_target_action=bounds,
            opts=self._child,
        )
