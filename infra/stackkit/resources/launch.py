import base64
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import ec2, ssm

from stackkit.resources.ami import Ami
from stackkit.resources.instance import Instance, cloud_config
from stackkit.resources.placement import Placement
from stackkit.settings.aws_sizes import INSTANCE_DISK_GB

ROOT_DEVICE = "/dev/xvda"
# Amazon Linux 2023, as AWS publishes its newest AMI
PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"


def launch_template(
    name: str, args: Placement, profile_arn: pulumi.Input[str], parent: pulumi.Resource
) -> ec2.LaunchTemplate:
    settings = args.settings
    # default tags reach the template, not what is launched from it
    tags = {"Name": name, "project": settings.project, "stack": settings.stack}
    return ec2.LaunchTemplate(
        # an AMI is of one architecture
        f"{name}-{settings.architecture}",
        image_id=_ami_id(name, args),
        instance_type=settings.instance_types[0],
        user_data=_user_data(args),
        update_default_version=True,
        iam_instance_profile={"arn": profile_arn},
        block_device_mappings=[
            {
                "device_name": ROOT_DEVICE,
                "ebs": {
                    "volume_type": "gp3",
                    "volume_size": INSTANCE_DISK_GB,
                    "encrypted": "true",
                    "delete_on_termination": "true",
                },
            }
        ],
        network_interfaces=[
            {
                "associate_public_ip_address": "false",
                "security_groups": [args.security_group_id],
                "delete_on_termination": "true",
            }
        ],
        # One hop: an answer reaches the instance and dies before the container's bridge, so that
        # the service can't borrow the instance's role. A tag tells the instance its group's name.
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "enabled",
        },
        # one-minute metrics: scaling reacts a minute after a burst, not five
        monitoring={"enabled": True},
        tag_specifications=[
            {"resource_type": kind, "tags": tags} for kind in ("instance", "volume")
        ],
        opts=pulumi.ResourceOptions(
            parent=parent,
            # the first one stays, whatever AWS publishes, where no key has named it
            ignore_changes=[] if settings.ami_id or settings.bake_ami else ["image_id"],
        ),
    )


def _ami_id(name: str, args: Placement) -> pulumi.Input[str]:
    if args.settings.ami_id:
        return args.settings.ami_id
    if args.settings.bake_ami:
        return Ami(name, args).ami_id
    # read here, not by the template: only instances launched by an AMI's id can be rolled back
    parameter = PARAMETER.format(args.settings.architecture)
    return ssm.get_parameter_output(name=parameter).insecure_value


def _user_data(args: Placement) -> pulumi.Output[str]:
    container = args.container

    def encoded(known: Mapping[str, Any]) -> str:
        instance = Instance(
            region=args.region,
            numbers=args.numbers,
            collector_secrets=container.collector.secrets,
            **known,
        )
        return base64.b64encode(cloud_config(instance).encode()).decode()

    return pulumi.Output.all(
        image=container.image,
        environment=pulumi.Output.all(**container.environment),
        secrets=pulumi.Output.all(**container.secrets),
        log_group=args.standalone.log_group.name,
        collector_image=container.collector.image,
        collector=container.collector.configuration,
    ).apply(encoded)
