from collections.abc import Sequence

import pulumi
from pulumi_aws import autoscaling, iam
from pulumi_aws.autoscaling import Metric

from stackkit.plan.scale_up import INSTANCE_START_S
from stackkit.resources.component import Component
from stackkit.resources.container import start_permissions
from stackkit.resources.delivery_permissions import SUFFIX
from stackkit.resources.instance import HOOK
from stackkit.resources.launch import launch_template
from stackkit.resources.placement import Placement
from stackkit.resources.policies import allow, service_role

# what the SSM agent needs: sessions instead of SSH, no key and no open port
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
# what the group and its hook take beside draining and stopping
HOOK_MARGIN_S = 60


class Fleet(Component):
    """The service on instances of our own: the same container, limits and stop order."""

    group: autoscaling.Group
    template_version: pulumi.Output[str]

    def __init__(self, name: str, args: Placement) -> None:
        super().__init__("service:compute:Fleet", name)
        self._args = args
        profile, permissions = self._profile(name)
        self._template = launch_template(name, args, profile.arn, self)
        self.template_version = self._template.latest_version.apply(str)
        self.group = self._group(permissions)
        self._drain_hook()
        self.register_outputs({"group": self.group.name})

    def _profile(self, name: str) -> tuple[iam.InstanceProfile, list[pulumi.Resource]]:
        """The instances' role, and what must exist before an instance can use it.

        The containers can't: they are two hops from the metadata service, and the collector is
        handed credentials.
        """
        args = self._args
        group = f"autoScalingGroup:*:autoScalingGroupName/{name}{SUFFIX}"
        statements = [
            *start_permissions(args.container, args.standalone.log_group.arn, args.region),
            *args.container.collector.permissions,
            allow(
                ["autoscaling:CompleteLifecycleAction"],
                [f"arn:aws:autoscaling:{args.region}:*:{group}"],
            ),
        ]
        role, policies = service_role(f"{name}-instance", "ec2.amazonaws.com", statements, self)
        agent = iam.RolePolicyAttachment(
            f"{name}-ssm", role=role.name, policy_arn=SSM, opts=self._child
        )
        profile = iam.InstanceProfile(name, role=role.name, opts=self._child)
        return profile, [agent, *policies]

    def _group(self, permissions: Sequence[pulumi.Resource]) -> autoscaling.Group:
        args, fleet = self._args, self._args.numbers.fleet
        warm = args.settings.warm_pool
        return autoscaling.Group(
            self._prefix,
            min_size=fleet.minimum.value,
            max_size=fleet.maximum.value,
            vpc_zone_identifiers=args.subnet_ids,
            target_group_arns=[args.edge.target_groups[0].arn],
            health_check_type="ELB",
            health_check_grace_period=INSTANCE_START_S,
            default_instance_warmup=INSTANCE_START_S,
            # `pulumi up` fails when the instances don't become healthy
            wait_for_elb_capacity=fleet.minimum.value,
            capacity_rebalance=True,
            instance_maintenance_policy={
                "min_healthy_percentage": 100,
                "max_healthy_percentage": 200,
            },
            instance_refresh=self._refresh(),
            enabled_metrics=[Metric.GROUP_DESIRED_CAPACITY, Metric.GROUP_IN_SERVICE_INSTANCES],
            tags=[{"key": "Name", "value": self._prefix, "propagate_at_launch": False}],
            # a warm pool and a mixed policy exclude each other in AWS's API
            mixed_instances_policy=None if warm else self._mixed(),
            launch_template={"id": self._template.id, "version": self.template_version}
            if warm
            else None,
            warm_pool={"min_size": warm, "pool_state": "Stopped"} if warm else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.edge.listeners, *permissions, args.migration],
                # a schedule moves the bounds; the next `pulumi up` must not move them back
                ignore_changes=["min_size", "max_size"] if args.settings.schedules else [],
            ),
        )

    def _mixed(self) -> autoscaling.GroupMixedInstancesPolicyArgsDict:
        settings = self._args.settings
        return {
            "launch_template": {
                "launch_template_specification": {
                    "launch_template_id": self._template.id,
                    "version": self.template_version,
                },
                "overrides": [{"instance_type": kind} for kind in settings.instance_types],
            },
            "instances_distribution": {
                "on_demand_percentage_above_base_capacity": 100 - settings.spot_percent,
                "on_demand_allocation_strategy": "prioritized",
                "spot_allocation_strategy": "price-capacity-optimized",
            },
        }

    def _refresh(self) -> autoscaling.GroupInstanceRefreshArgsDict:
        """A new template version replaces the instances, new ones first, or is taken back."""
        # a rollback wants a numbered template version and an AMI by id: no $Latest, no parameter
        return {
            "strategy": "Rolling",
            "preferences": {
                "min_healthy_percentage": 100,
                "max_healthy_percentage": 200,
                "instance_warmup": str(INSTANCE_START_S),
                "auto_rollback": True,
                "skip_matching": True,
                "alarm_specification": {"alarms": self._args.alarm_names},
            },
        }

    def _drain_hook(self) -> None:
        """The machine stays until its requests have ended and the container has stopped."""
        timeouts = self._args.numbers.timeouts
        leaving = timeouts.deregistration_delay.value + timeouts.stop.value
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
