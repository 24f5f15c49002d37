"""Cluster, task, service, instances, and what makes a fleet grow."""

import json
from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import (
    Create,
    Outputs,
    ResourceCreator,
    single_call,
    tagged,
)


def _cluster(creator: ResourceCreator) -> Outputs:
    made = creator.rest("ecs", "CreateCluster", clusterName=creator.named())["cluster"]
    return {"id": made["clusterArn"], "arn": made["clusterArn"], "name": made["clusterName"]}


def _providers(creator: ResourceCreator) -> Outputs:
    # the provider sends an empty strategy where the program names none
    cluster = creator.take("clusterName")
    strategies = creator.fitted(
        "ecs",
        "PutClusterCapacityProviders",
        defaultCapacityProviderStrategy=creator.take("defaultCapacityProviderStrategies", []),
    )
    creator.rest("ecs", "PutClusterCapacityProviders", cluster=cluster, **strategies)
    return {"id": cluster}


def _task(creator: ResourceCreator) -> Outputs:
    """Container definitions are raw JSON: they go in as they are."""
    definitions = json.loads(creator.take("containerDefinitions"))
    answer = creator.rest("ecs", "RegisterTaskDefinition", containerDefinitions=definitions)
    made = answer["taskDefinition"]
    return {"id": made["family"], "arn": made["taskDefinitionArn"], "revision": made["revision"]}


def _service(creator: ResourceCreator) -> Outputs:
    creator.skip("waitForSteadyState", "forceNewDeployment")
    deployment = {
        "minimumHealthyPercent": creator.take("deploymentMinimumHealthyPercent"),
        "maximumPercent": creator.take("deploymentMaximumPercent"),
        "deploymentCircuitBreaker": creator.take("deploymentCircuitBreaker"),
        "alarms": creator.take("alarms"),
    }
    network = creator.take("networkConfiguration")
    if network:
        network["assignPublicIp"] = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
    fitted = creator.fitted(
        "ecs",
        "CreateService",
        deploymentConfiguration=deployment,
        networkConfiguration={"awsvpcConfiguration": network} if network else None,
    )
    made = creator.rest("ecs", "CreateService", serviceName=creator.named(), **fitted)["service"]
    return {"id": made["serviceArn"], "arn": made["serviceArn"], "name": made["serviceName"]}


def _template(creator: ResourceCreator) -> Outputs:
    creator.skip("updateDefaultVersion")
    name = creator.named()
    kinds = creator.take("tagSpecifications", [])
    tags = [entry for kind in kinds for entry in tagged(kind["resourceType"], kind["tags"]) or []]
    interfaces = [
        {("groups" if key == "securityGroups" else key): value for key, value in each.items()}
        for each in creator.take("networkInterfaces", [])
    ]
    data = creator.fitted(
        "ec2",
        "CreateLaunchTemplate",
        "LaunchTemplateData",
        **creator.inputs,
        networkInterfaces=interfaces,
    )
    creator.inputs.clear()
    data["TagSpecifications"] = tags
    answer = creator.call(
        "ec2", "CreateLaunchTemplate", LaunchTemplateName=name, LaunchTemplateData=data
    )
    made = answer["LaunchTemplate"]
    return {
        "id": made["LaunchTemplateId"],
        "name": name,
        "latestVersion": made["LatestVersionNumber"],
    }


def _group(creator: ResourceCreator) -> Outputs:
    creator.skip("waitForElbCapacity", "waitForCapacityTimeout")
    name = creator.named()
    refresh, metrics = creator.take("instanceRefresh"), creator.take("enabledMetrics")
    pool = creator.take("warmPool")
    subnets = creator.take("vpcZoneIdentifiers", [])
    tags = [tag | {"resourceId": name, "resourceType": _GROUP} for tag in creator.take("tags", [])]
    launch = creator.take("launchTemplate")
    named = {"id": "launchTemplateId"}
    specified = {named.get(key, key): value for key, value in (launch or {}).items()}
    fitted = creator.fitted(
        "autoscaling", "CreateAutoScalingGroup", tags=tags, launchTemplate=specified or None
    )
    creator.rest(
        "autoscaling",
        "CreateAutoScalingGroup",
        {"defaultCooldown": "DefaultCooldown"},
        AutoScalingGroupName=name,
        VPCZoneIdentifier=",".join(subnets),
        **fitted,
    )
    if metrics:
        collect = creator.fitted("autoscaling", "EnableMetricsCollection", metrics=metrics)
        creator.call(
            "autoscaling",
            "EnableMetricsCollection",
            AutoScalingGroupName=name,
            Granularity="1Minute",
            **collect,
        )
    if pool:
        fitted = creator.fitted("autoscaling", "PutWarmPool", **pool)
        creator.call("autoscaling", "PutWarmPool", AutoScalingGroupName=name, **fitted)
    if refresh:
        _refresh(creator, name, refresh)
    wanted = {"AutoScalingGroupNames": [name]}
    found = creator.call("autoscaling", "DescribeAutoScalingGroups", **wanted)["AutoScalingGroups"]
    return {"id": name, "name": name, "arn": found[0]["AutoScalingGroupARN"]}


_GROUP = "auto-scaling-group"


def _refresh(creator: ResourceCreator, name: str, refresh: dict[str, Any]) -> None:
    """What the provider starts when the template changes."""
    fitted = creator.fitted("autoscaling", "StartInstanceRefresh", **refresh)
    creator.call("autoscaling", "StartInstanceRefresh", AutoScalingGroupName=name, **fitted)


def _group_policy(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    creator.rest("autoscaling", "PutScalingPolicy", PolicyName=name)
    found = creator.call("autoscaling", "DescribePolicies", PolicyNames=[name])["ScalingPolicies"]
    return {"id": name, "name": name, "arn": found[0]["PolicyARN"]}


def _group_schedule(creator: ResourceCreator) -> Outputs:
    # -1 is the provider's word for "leave as it is"
    for bound in ("minSize", "maxSize", "desiredCapacity"):
        if creator.inputs.get(bound) == -1:
            creator.skip(bound)
    creator.rest("autoscaling", "PutScheduledUpdateGroupAction")
    return {"id": creator.name}


def _service_policy(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    made = creator.rest("application-autoscaling", "PutScalingPolicy", PolicyName=name)
    return {"id": name, "name": name, "arn": made["PolicyARN"]}


def _service_schedule(creator: ResourceCreator) -> Outputs:
    name = creator.named()
    creator.rest("application-autoscaling", "PutScheduledAction", ScheduledActionName=name)
    return {"id": name}


CREATORS: Mapping[str, Create] = {
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": _providers,
    "aws:ecs/taskDefinition:TaskDefinition": _task,
    "aws:ecs/service:Service": _service,
    "aws:ec2/launchTemplate:LaunchTemplate": _template,
    "aws:autoscaling/group:Group": _group,
    "aws:autoscaling/lifecycleHook:LifecycleHook": single_call(
        "autoscaling", "PutLifecycleHook", auto="name=LifecycleHookName"
    ),
    "aws:autoscaling/policy:Policy": _group_policy,
    "aws:autoscaling/schedule:Schedule": _group_schedule,
    "aws:appautoscaling/target:Target": single_call(
        "application-autoscaling",
        "RegisterScalableTarget",
        outputs={
            "id": "request.ResourceId",
            "resourceId": "request.ResourceId",
            "scalableDimension": "request.ScalableDimension",
            "serviceNamespace": "request.ServiceNamespace",
        },
    ),
    "aws:appautoscaling/policy:Policy": _service_policy,
    "aws:appautoscaling/scheduledAction:ScheduledAction": _service_schedule,
}
