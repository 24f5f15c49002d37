from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.appautoscaling import (
    PolicyStepScalingPolicyConfigurationArgs,
    PolicyStepScalingPolicyConfigurationStepAdjustmentArgs,
    PolicyTargetTrackingScalingPolicyConfigurationArgs,
    PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs,
    PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs,
    PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs,
    ScheduledActionScalableTargetActionArgs,
)

from stackkit.plan.scale_up import SCALE_OUT_COOLDOWN_S
from stackkit.resources.scaling import (
    BYTES_PER_MEGABIT,
    ScalingArgs,
    StepArgs,
    requests_label,
    step_in_alarm,
    step_out_alarm,
)

Stepping = PolicyStepScalingPolicyConfigurationArgs
Adjustment = PolicyStepScalingPolicyConfigurationStepAdjustmentArgs
Tracking = PolicyTargetTrackingScalingPolicyConfigurationArgs
Metric = PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
OwnMetric = PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
Dimension = PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs


@dataclass(frozen=True, kw_only=True)
class ServiceScalingArgs:
    scaling: ScalingArgs
    cluster: pulumi.Input[str]
    service: pulumi.Input[str]


class ServiceScaling(pulumi.ComponentResource):
    """Keeps an ECS service as large as its load."""

    def __init__(
        self, name: str, args: ServiceScalingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:scaling:ServiceScaling", name, None, opts)
        self._prefix = name
        self._args = args
        self._target = self._scalable_target()
        for policy in args.scaling.policies:
            if policy != "step":
                self._track(policy)
        if args.scaling.step:
            self._step(args.scaling.step)
        for number, _ in enumerate(args.scaling.schedules, start=1):
            self._schedule(number)
        self.register_outputs({})

    def _scalable_target(self) -> aws.appautoscaling.Target:
        scaling = self._args.scaling
        # a schedule moves the bounds; the next `pulumi up` must not move them back
        scheduled = ["min_capacity", "max_capacity"] if scaling.schedules else []
        return aws.appautoscaling.Target(
            self._prefix,
            aws.appautoscaling.TargetArgs(
                service_namespace="ecs",
                scalable_dimension="ecs:service:DesiredCount",
                resource_id=pulumi.Output.format(
                    "service/{0}/{1}", self._args.cluster, self._args.service
                ),
                min_capacity=scaling.minimum,
                max_capacity=scaling.maximum,
            ),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=scheduled),
        )

    def _track(self, policy: str) -> None:
        scaling = self._args.scaling
        target, metric, own_metric = {
            "cpu": (
                scaling.cpu_percent,
                Metric(predefined_metric_type="ECSServiceAverageCPUUtilization"),
                None,
            ),
            "requests": (
                scaling.requests_per_minute,
                Metric(
                    predefined_metric_type="ALBRequestCountPerTarget",
                    resource_label=requests_label(scaling),
                ),
                None,
            ),
            "network": (scaling.network_mbps * BYTES_PER_MEGABIT, None, self._sent()),
        }[policy]
        tracking = Tracking(
            target_value=target,
            predefined_metric_specification=metric,
            customized_metric_specification=own_metric,
            scale_in_cooldown=scaling.cooldown_s,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_S,
        )
        self._policy(policy, "TargetTrackingScaling", tracking=tracking)

    def _sent(self) -> OwnMetric:
        """Bytes a second that a task sends, as Container Insights measures it."""
        return OwnMetric(
            namespace="ECS/ContainerInsights",
            metric_name="NetworkTxBytes",
            statistic="Average",
            unit="Bytes/Second",
            dimensions=[
                Dimension(name="ClusterName", value=self._args.cluster),
                Dimension(name="ServiceName", value=self._args.service),
            ],
        )

    def _step(self, step: StepArgs) -> None:
        # the interval counts from the alarm's threshold: up from it, or down
        more = Adjustment(scaling_adjustment=step.out_tasks, metric_interval_lower_bound="0")
        out = self._policy("step-out", "StepScaling", steps=self._adjust(more))
        step_out_alarm(self._prefix, self._args.scaling, step, out.arn, self)
        if step.scales_in:
            fewer = Adjustment(scaling_adjustment=-step.in_tasks, metric_interval_upper_bound="0")
            back = self._policy("step-in", "StepScaling", steps=self._adjust(fewer))
            step_in_alarm(self._prefix, self._args.scaling, step, back.arn, self)

    def _adjust(self, adjustment: Adjustment) -> Stepping:
        return Stepping(
            adjustment_type="ChangeInCapacity",
            cooldown=self._args.scaling.cooldown_s,
            metric_aggregation_type="Average",
            step_adjustments=[adjustment],
        )

    def _policy(
        self,
        role: str,
        kind: str,
        *,
        tracking: Tracking | None = None,
        steps: Stepping | None = None,
    ) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{self._prefix}-{role}",
            aws.appautoscaling.PolicyArgs(
                policy_type=kind,
                service_namespace=self._target.service_namespace,
                scalable_dimension=self._target.scalable_dimension,
                resource_id=self._target.resource_id,
                target_tracking_scaling_policy_configuration=tracking,
                step_scaling_policy_configuration=steps,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _schedule(self, number: int) -> None:
        schedule = self._args.scaling.schedules[number - 1]
        aws.appautoscaling.ScheduledAction(
            f"{self._prefix}-{number}",
            aws.appautoscaling.ScheduledActionArgs(
                service_namespace=self._target.service_namespace,
                scalable_dimension=self._target.scalable_dimension,
                resource_id=self._target.resource_id,
                schedule=schedule.aws_expression,
                timezone="UTC",
                scalable_target_action=ScheduledActionScalableTargetActionArgs(
                    min_capacity=schedule.minimum, max_capacity=schedule.maximum
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
