from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws import autoscaling
from pulumi_aws.autoscaling import Metric

from stackkit.plan.scale_up import INSTANCE_START_S
from stackkit.resources.instance import HOOK
from stackkit.resources.instance_role import instance_profile
from stackkit.resources.launch import LaunchArgs, launch_template

# what the group and its hook take beside draining and stopping
HOOK_MARGIN_S = 60

Version = autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs
Override = autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs


@dataclass(frozen=True, kw_only=True)
class FleetArgs:
    launch: LaunchArgs
    # of one size, the preferred one first
    instance_types: Sequence[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    target_group_arn: pulumi.Input[str]
    # a target group that no listener uses reports no health
    listeners: Sequence[pulumi.Resource]
    # an instance refresh that sets one off is rolled back
    alarm_names: Sequence[pulumi.Input[str]]
    minimum: int
    maximum: int
    # a schedule moves the bounds; the next `pulumi up` must not move them back
    scheduled: bool
    spot_percent: int
    warm_pool: int
    log_group: aws.cloudwatch.LogGroup
    # the group is touched once it has run
    migration: pulumi.Resource


class Fleet(pulumi.ComponentResource):
    """The service on instances of our own: the same container, limits and stop order."""

    group: autoscaling.Group
    template_version: pulumi.Output[str]

    def __init__(
        self, name: str, args: FleetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:compute:Fleet", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        profile, permissions = instance_profile(
            name, args.launch.container, args.log_group.arn, args.launch.region, self
        )
        self._template = launch_template(
            name, args.launch, args.instance_types[0], args.log_group.name, profile.arn, self
        )
        self.template_version = self._template.latest_version.apply(str)
        self.group = self._group(permissions)
        self._drain_hook()
        self.register_outputs({"group": self.group.name})

    def _group(self, permissions: Sequence[pulumi.Resource]) -> autoscaling.Group:
        args = self._args
        return autoscaling.Group(
            self._prefix,
            min_size=args.minimum,
            max_size=args.maximum,
            vpc_zone_identifiers=args.subnet_ids,
            target_group_arns=[args.target_group_arn],
            health_check_type="ELB",
            health_check_grace_period=INSTANCE_START_S,
            default_instance_warmup=INSTANCE_START_S,
            # `pulumi up` fails when the instances don't become healthy
            wait_for_elb_capacity=args.minimum,
            capacity_rebalance=True,
            instance_maintenance_policy=autoscaling.GroupInstanceMaintenancePolicyArgs(
                min_healthy_percentage=100, max_healthy_percentage=200
            ),
            instance_refresh=self._refresh(),
            enabled_metrics=[Metric.GROUP_DESIRED_CAPACITY, Metric.GROUP_IN_SERVICE_INSTANCES],
            tags=[
                autoscaling.GroupTagArgs(key="Name", value=self._prefix, propagate_at_launch=False)
            ],
            launch_template=self._single(),
            mixed_instances_policy=self._mixed(),
            warm_pool=self._warm_pool(),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.listeners, *permissions, args.migration],
                ignore_changes=["min_size", "max_size"] if args.scheduled else [],
            ),
        )

    def _mixed(self) -> autoscaling.GroupMixedInstancesPolicyArgs | None:
        if self._args.warm_pool:
            return None
        specification = Version(
            launch_template_id=self._template.id,
            version=self.template_version,
        )
        return autoscaling.GroupMixedInstancesPolicyArgs(
            launch_template=autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs(
                launch_template_specification=specification,
                overrides=[Override(instance_type=kind) for kind in self._args.instance_types],
            ),
            instances_distribution=autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs(
                on_demand_percentage_above_base_capacity=100 - self._args.spot_percent,
                on_demand_allocation_strategy="prioritized",
                spot_allocation_strategy="price-capacity-optimized",
            ),
        )

    def _single(self) -> autoscaling.GroupLaunchTemplateArgs | None:
        """A warm pool and a mixed policy exclude each other in AWS's API."""
        if not self._args.warm_pool:
            return None
        return autoscaling.GroupLaunchTemplateArgs(
            id=self._template.id, version=self.template_version
        )

    def _warm_pool(self) -> autoscaling.GroupWarmPoolArgs | None:
        if not self._args.warm_pool:
            return None
        return autoscaling.GroupWarmPoolArgs(min_size=self._args.warm_pool, pool_state="Stopped")

    def _refresh(self) -> autoscaling.GroupInstanceRefreshArgs:
        """A new template version replaces the instances, new ones first, or is taken back."""
        alarms = autoscaling.GroupInstanceRefreshPreferencesAlarmSpecificationArgs(
            alarms=self._args.alarm_names
        )
        # a rollback wants a numbered template version and an AMI by id: no $Latest, no parameter
        return autoscaling.GroupInstanceRefreshArgs(
            strategy="Rolling",
            preferences=autoscaling.GroupInstanceRefreshPreferencesArgs(
                min_healthy_percentage=100,
                max_healthy_percentage=200,
                instance_warmup=str(INSTANCE_START_S),
                auto_rollback=True,
                skip_matching=True,
                alarm_specification=alarms,
            ),
        )

    def _drain_hook(self) -> None:
        """The machine stays until its requests have ended and the container has stopped."""
        leaving = self._args.launch.drain_s + self._args.launch.container.stop_timeout_s
        autoscaling.LifecycleHook(
            f"{self._prefix}-{HOOK}",
            name=HOOK,
            autoscaling_group_name=self.group.name,
            lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
            # an instance that does not respond is terminated after this time
            heartbeat_timeout=leaving + HOOK_MARGIN_S,
            default_result="CONTINUE",
            opts=self._child,
        )
