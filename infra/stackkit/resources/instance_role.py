import pulumi
from pulumi_aws import iam

from stackkit.resources.container import start_permissions
from stackkit.resources.delivery_permissions import SUFFIX
from stackkit.resources.placement import Placement
from stackkit.resources.policies import allow, service_role

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
    group = f"autoScalingGroup:*:autoScalingGroupName/{name}{SUFFIX}"
    statements = [
        *start_permissions(args.container, args.standalone.log_group.arn, args.region),
        *args.container.collector.permissions,
        allow(
            ["autoscaling:CompleteLifecycleAction"],
            [f"arn:aws:autoscaling:{args.region}:*:{group}"],
        ),
    ]
    role, policy = service_role(f"{name}-instance", "ec2.amazonaws.com", statements, parent)
    agent = iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=SSM, opts=child)
    profile = iam.InstanceProfile(name, role=role.name, opts=child)
    return profile, [agent, policy]
