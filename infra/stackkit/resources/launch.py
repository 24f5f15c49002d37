import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from stackkit.resources.container import Container
from stackkit.resources.instance import Instance, cloud_config
from stackkit.settings.aws_sizes import INSTANCE_DISK_GB

ROOT_DEVICE = "/dev/xvda"


@dataclass(frozen=True, kw_only=True)
class LaunchArgs:
    region: str
    container: Container
    ami_id: pulumi.Input[str]
    # the first one stays, whatever AWS publishes: no key has named it
    ami_kept: bool
    security_group_id: pulumi.Input[str]
    # between leaving the load balancer and SIGTERM
    drain_s: int
    # default tags reach the template, not what is launched from it
    tags: Mapping[str, str]


def launch_template(
    name: str,
    args: LaunchArgs,
    instance_type: str,
    log_group: pulumi.Input[str],
    profile_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> ec2.LaunchTemplate:
    disk = ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
        volume_type="gp3",
        volume_size=INSTANCE_DISK_GB,
        encrypted="true",
        delete_on_termination="true",
    )
    interface = ec2.LaunchTemplateNetworkInterfaceArgs(
        associate_public_ip_address="false",
        security_groups=[args.security_group_id],
        delete_on_termination="true",
    )
    return ec2.LaunchTemplate(
        # an AMI is of one architecture
        f"{name}-{args.container.architecture}",
        image_id=args.ami_id,
        instance_type=instance_type,
        user_data=_user_data(args, log_group),
        update_default_version=True,
        iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile_arn),
        block_device_mappings=[
            ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=ROOT_DEVICE, ebs=disk)
        ],
        network_interfaces=[interface],
        metadata_options=_metadata(),
        # one-minute metrics: scaling reacts a minute after a burst, not five
        monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
        tag_specifications=[_tagged(name, kind, args.tags) for kind in ("instance", "volume")],
        opts=pulumi.ResourceOptions(
            parent=parent, ignore_changes=["image_id"] if args.ami_kept else []
        ),
    )


def _metadata() -> ec2.LaunchTemplateMetadataOptionsArgs:
    """One hop: an answer reaches the instance and dies before the container's bridge.

    So the service can't borrow the instance's role.
    """
    return ec2.LaunchTemplateMetadataOptionsArgs(
        http_endpoint="enabled",
        http_tokens="required",
        http_put_response_hop_limit=1,
        # tells the instance its group's name
        instance_metadata_tags="enabled",
    )


def _tagged(
    name: str, kind: str, tags: Mapping[str, str]
) -> ec2.LaunchTemplateTagSpecificationArgs:
    return ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags={"Name": name, **tags})


def _user_data(args: LaunchArgs, log_group: pulumi.Input[str]) -> pulumi.Output[str]:
    container = args.container

    def encoded(
        image: str,
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
        log_group: str,
        collector_image: str,
        configuration: str,
    ) -> str:
        instance = Instance(
            region=args.region,
            image=image,
            port=container.port,
            environment=environment,
            secrets=secrets,
            open_files=container.open_files,
            kernel=container.kernel,
            stop_timeout_s=container.stop_timeout_s,
            drain_s=args.drain_s,
            log_group=log_group,
            collector_image=collector_image,
            collector=configuration,
            collector_secrets=container.collector.secrets,
        )
        return base64.b64encode(cloud_config(instance).encode()).decode()

    return pulumi.Output.all(
        image=container.image,
        environment=pulumi.Output.all(**container.environment),
        secrets=pulumi.Output.all(**container.secrets),
        log_group=log_group,
        collector_image=container.collector.image,
        configuration=container.collector.configuration,
    ).apply(lambda known: encoded(**known))
