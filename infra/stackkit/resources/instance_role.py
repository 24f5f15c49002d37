import pulumi
from pulumi_aws import iam

from stackkit.resources.container import start_permissions
from stackkit.resources.delivery_permissions import SUFFIX
from stackkit.resources.placement import Placement
from stackkit.resources.policies import allow, assumed_by, document

# what the SSM agent needs: sessions instead of SSH, no key and no open port
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def instance_profile(
    name: str, args: Placement, parent: pulumi.Resource
) -> tuple[iam.InstanceProfile, list[pulumi.Resource]]:
    """The instances' role, and what must exist before an instance can use it.

    The containers can't: they are two hops from the metadata service, and the collector is handed
    credentials.
    """
    child = pulumi.ResourceOptions(parent=parent)
    role = iam.Role(
        f"{name}-instance",
        assume_role_policy=assumed_by("ec2.amazonaws.com"),
        opts=child,
    )
    agent = iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=SSM, opts=child)
    group = f"autoScalingGroup:*:autoScalingGroupName/{name}{SUFFIX}"
    policy = iam.RolePolicy(
        f"{name}-instance",
        role=role.id,
        policy=document(
            *start_permissions(args.container, args.standalone.log_group.arn, args.region),
            *args.container.collector.permissions,
            allow(
                ["autoscaling:CompleteLifecycleAction"],
                [f"arn:aws:autoscaling:{args.region}:*:{group}"],
            ),
        ),
        opts=child,
    )
    profile = iam.InstanceProfile(name, role=role.name, opts=child)
    return profile, [agent, policy]
