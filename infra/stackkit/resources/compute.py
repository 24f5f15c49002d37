"""Runs the container on Fargate or on EC2, and lets the load move the fleet's size."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from stackkit.resources.fargate import Fargate
from stackkit.resources.fleet import Fleet
from stackkit.resources.group_scaling import GroupScaling
from stackkit.resources.monitored import MonitoredResource, ResourceNames
from stackkit.resources.placement import Placement
from stackkit.resources.rotation import ScheduledAction
from stackkit.resources.service_scaling import ServiceScaling


@dataclass(frozen=True, kw_only=True)
class ComputeOutputs:
    # names for people, and by what a deployment knows its own version
    outputs: Mapping[str, pulumi.Output[str]]
    # by which CloudWatch knows it
    resource_names: ResourceNames
    # starts every task afresh
    restart: ScheduledAction


def run(placement: Placement) -> ComputeOutputs:
    return (_fargate if placement.settings.compute == "fargate" else _instances)(placement)


def _fargate(placement: Placement) -> ComputeOutputs:
    name = placement.settings.name
    cluster, service = placement.standalone.cluster, Fargate(name, placement).service
    ServiceScaling(name, placement, service.name)
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


def _instances(placement: Placement) -> ComputeOutputs:
    fleet = Fleet(placement.settings.name, placement)
    GroupScaling(placement.settings.name, placement, fleet.group.name)
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
