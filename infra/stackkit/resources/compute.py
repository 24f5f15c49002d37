"""Runs the container on Fargate or on EC2, and lets the load move the fleet's size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.plan import plan
from stackkit.resources.ami import Ami, AmiArgs
from stackkit.resources.container import Container
from stackkit.resources.edge import Edge
from stackkit.resources.fargate import Fargate, FargateArgs
from stackkit.resources.fleet import Fleet, FleetArgs
from stackkit.resources.group_scaling import GroupScaling, GroupScalingArgs
from stackkit.resources.launch import LaunchArgs
from stackkit.resources.monitored import MonitoredResource, ResourceNames
from stackkit.resources.rotation import ScheduledAction
from stackkit.resources.scaling import ScalingArgs, StepArgs
from stackkit.resources.service_scaling import ServiceScaling, ServiceScalingArgs
from stackkit.resources.standalone_task import StandaloneTask
from stackkit.settings.config import Config

# Amazon Linux 2023, as AWS publishes its newest AMI
PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the fleet stands."""

    region: str
    subnet_ids: pulumi.Output[Any]
    security_group_id: pulumi.Input[str]
    edge: Edge
    # a deployment during which one of them fires is rolled back
    alarm_names: Sequence[pulumi.Output[str]]
    standalone: StandaloneTask
    migration: pulumi.Resource


@dataclass(frozen=True, kw_only=True)
class ComputeOutputs:
    # names for people, and by what a deployment knows its own version
    outputs: Mapping[str, pulumi.Output[str]]
    # by which CloudWatch knows it
    resource_names: ResourceNames
    # starts every task afresh
    restart: ScheduledAction


def run(
    settings: Config, numbers: plan.Plan, container: Container, placement: Placement
) -> ComputeOutputs:
    start = _fargate if settings.compute == "fargate" else _instances
    return start(settings, numbers, container, placement)


def _fargate(
    settings: Config, numbers: plan.Plan, container: Container, placement: Placement
) -> ComputeOutputs:
    fargate = Fargate(
        settings.name,
        FargateArgs(
            region=placement.region,
            container=container,
            subnet_ids=placement.subnet_ids,
            security_group_id=placement.security_group_id,
            public_addresses=not settings.nat,
            target_group_arn=placement.edge.target_groups[0].arn,
            listeners=placement.edge.listeners,
            canary=placement.edge.canary,
            alarm_names=placement.alarm_names,
            desired_tasks=numbers.fleet.minimum.value,
            spot_percent=settings.spot_percent,
            exec=settings.exec,
            standalone=placement.standalone,
            migration=placement.migration,
        ),
    )
    cluster, service = placement.standalone.cluster, fargate.service
    ServiceScaling(
        settings.name,
        ServiceScalingArgs(
            scaling=_scaling(settings, numbers, placement),
            cluster=cluster.name,
            service=service.name,
        ),
    )
    again = {"Cluster": cluster.name, "Service": service.name, "ForceNewDeployment": True}
    return ComputeOutputs(
        outputs={
            "service": service.name,
            "task_definition": service.task_definition.apply(str),
        },
        resource_names={
            MonitoredResource.CLUSTER: [cluster.name],
            MonitoredResource.SERVICE: [service.name],
        },
        restart=ScheduledAction(
            operation="ecs:UpdateService", resource=service.arn, parameters=again
        ),
    )


def _instances(
    settings: Config, numbers: plan.Plan, container: Container, placement: Placement
) -> ComputeOutputs:
    fleet = Fleet(
        settings.name,
        FleetArgs(
            launch=_launch(settings, numbers, container, placement),
            instance_types=settings.instance_types,
            subnet_ids=placement.subnet_ids,
            target_group_arn=placement.edge.target_groups[0].arn,
            listeners=placement.edge.listeners,
            alarm_names=placement.alarm_names,
            minimum=numbers.fleet.minimum.value,
            maximum=numbers.fleet.maximum.value,
            scheduled=bool(settings.schedules),
            spot_percent=settings.spot_percent,
            warm_pool=settings.warm_pool,
            log_group=placement.standalone.log_group,
            migration=placement.migration,
        ),
    )
    scaling = _scaling(settings, numbers, placement)
    GroupScaling(settings.name, GroupScalingArgs(scaling=scaling, group=fleet.group.name))
    # skipping matching instances would replace none
    preferences = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200, "SkipMatching": False}
    return ComputeOutputs(
        outputs={"group": fleet.group.name, "template_version": fleet.template_version},
        resource_names={MonitoredResource.GROUP: [fleet.group.name]},
        restart=ScheduledAction(
            operation="autoscaling:StartInstanceRefresh",
            resource=fleet.group.arn,
            parameters={"AutoScalingGroupName": fleet.group.name, "Preferences": preferences},
        ),
    )


def _launch(
    settings: Config, numbers: plan.Plan, container: Container, placement: Placement
) -> LaunchArgs:
    return LaunchArgs(
        region=placement.region,
        container=container,
        ami_id=_ami_id(settings, container, placement),
        ami_kept=not (settings.ami_id or settings.bake_ami),
        security_group_id=placement.security_group_id,
        drain_s=numbers.timeouts.deregistration_delay.value,
        tags={"project": settings.project, "stack": settings.stack},
    )


def _ami_id(settings: Config, container: Container, placement: Placement) -> pulumi.Input[str]:
    if settings.ami_id:
        return settings.ami_id
    if settings.bake_ami:
        return Ami(
            settings.name,
            AmiArgs(
                region=placement.region,
                container=container,
                instance_type=settings.instance_types[0],
                subnet_id=placement.subnet_ids[0],
                security_group_id=placement.security_group_id,
            ),
        ).ami_id
    # read here, not by the template: only instances launched by an AMI's id can be rolled back
    parameter = PARAMETER.format(settings.architecture)
    return aws.ssm.get_parameter_output(name=parameter).insecure_value


def _scaling(settings: Config, numbers: plan.Plan, placement: Placement) -> ScalingArgs:
    step = numbers.step and StepArgs(
        out_requests=numbers.step.out_requests.value,
        in_requests=numbers.step.in_requests.value,
        out_tasks=settings.step_out_tasks,
        in_tasks=settings.step_in_tasks,
        scales_in=numbers.step.scales_in,
    )
    return ScalingArgs(
        policies=settings.scaling_policies,
        minimum=numbers.fleet.minimum.value,
        maximum=numbers.fleet.maximum.value,
        cpu_percent=numbers.scaling.cpu_target.value,
        requests_per_minute=numbers.scaling.requests_target.value,
        network_mbps=settings.network_target_mbps,
        step=step,
        predictive=settings.predictive_scaling,
        cooldown_s=settings.cooldown_s,
        schedules=settings.scheduled_bounds,
        balancer=placement.edge.balancer.arn_suffix,
        targets=[group.arn_suffix for group in placement.edge.target_groups],
    )
