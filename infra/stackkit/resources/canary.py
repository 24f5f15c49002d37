"""A tenth of the requests goes to a new version first, and the rest while no alarm fires."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import ecs, lb

from stackkit.resources.policies import managed_role

DEPLOYMENT: ecs.ServiceDeploymentConfigurationArgsDict = {
    "strategy": "CANARY",
    "canary_configuration": {
        "canary_percent": 10,
        # an alarm judges two of three minutes and hears of each about two minutes late: this is
        # time for two looks
        "canary_bake_time_in_minutes": "10",
    },
    # with all requests; the old tasks wait as long, so that the way back is one step
    "bake_time_in_minutes": "10",
}
# above ECS's two waits, a start and a drain; the provider's own bound is 20 minutes
TIMEOUT = "60m"
# AWS's own; it may move weights and targets of every balancer, which the boundary narrows to ours
POLICY = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"


@dataclass(frozen=True, kw_only=True)
class Canary:
    balancing: ecs.ServiceLoadBalancerAdvancedConfigurationArgsDict
    # what must exist before the service uses it
    ready: Sequence[pulumi.Resource]


def canary(
    name: str,
    listener_arn: pulumi.Input[str],
    groups: Sequence[lb.TargetGroup],
    parent: pulumi.Resource,
) -> Canary:
    """The rule whose weights ECS moves between the groups, and the role that lets it."""
    shares: Any = [
        {"arn": group.arn, "weight": weight} for group, weight in zip(groups, (100, 0), strict=True)
    ]
    rule = lb.ListenerRule(
        name,
        listener_arn=listener_arn,
        priority=1,
        conditions=[{"path_pattern": {"values": ["/*"]}}],
        actions=[{"type": "forward", "forward": {"target_groups": shares}}],
        # ECS moves the weights
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["actions"]),
    )
    role, policy = managed_role(f"{name}-balancer", "ecs.amazonaws.com", POLICY, parent)
    return Canary(
        balancing={
            "alternate_target_group_arn": groups[1].arn,
            "production_listener_rule": rule.arn,
            "role_arn": role.arn,
        },
        ready=[rule, policy],
    )
