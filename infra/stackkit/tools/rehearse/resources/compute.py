"""Cluster, task, service, instances, and what makes a fleet grow."""

import json
from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row, tagged


def _cluster(maker: Maker) -> Outputs:
    made = maker.rest("ecs", "CreateCluster", clusterName=maker.named())["cluster"]
    return {"id": made["clusterArn"], "arn": made["clusterArn"], "name": made["clusterName"]}


def _providers(maker: Maker) -> Outputs:
    # the provider sends an empty strategy where the program names none
    cluster = maker.take("clusterName")
    strategies = maker.fitted(
        "ecs",
        "PutClusterCapacityProviders",
        defaultCapacityProviderStrategy=maker.take("defaultCapacityProviderStrategies", []),
    )
    maker.rest("ecs", "PutClusterCapacityProviders", cluster=cluster, **strategies)
    return {"id": cluster}


def _task(maker: Maker) -> Outputs:
    """Container definitions are raw JSON: they go in as they are."""
    definitions = json.loads(maker.take("containerDefinitions"))
    answer = maker.rest("ecs", "RegisterTaskDefinition", containerDefinitions=definitions)
    made = answer["taskDefinition"]
    return {"id": made["family"], "arn": made["taskDefinitionArn"], "revision": made["revision"]}


def _service(maker: Maker) -> Outputs:
    maker.skip("waitForSteadyState", "forceNewDeployment")
    deployment = {
        "minimumHealthyPercent": maker.take("deploymentMinimumHealthyPercent"),
        "maximumPercent": maker.take("deploymentMaximumPercent"),
        "deploymentCircuitBreaker": maker.take("deploymentCircuitBreaker"),
        "alarms": maker.take("alarms"),
    }
    network = maker.take("networkConfiguration")
    if network:
        network["assignPublicIp"] = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
    fitted = maker.fitted(
        "ecs",
        "CreateService",
        deploymentConfiguration=deployment,
        networkConfiguration={"awsvpcConfiguration": network} if network else None,
    )
    made = maker.rest("ecs", "CreateService", serviceName=maker.named(), **fitted)["service"]
    return {"id": made["serviceArn"], "arn": made["serviceArn"], "name": made["serviceName"]}


def _template(maker: Maker) -> Outputs:
    maker.skip("updateDefaultVersion")
    name = maker.named()
    kinds = maker.take("tagSpecifications", [])
    tags = [entry for kind in kinds for entry in tagged(kind["resourceType"], kind["tags"]) or []]
    interfaces = [
        {("groups" if key == "securityGroups" else key): value for key, value in each.items()}
        for each in maker.take("networkInterfaces", [])
    ]
    data = maker.fitted(
        "ec2",
        "CreateLaunchTemplate",
        "LaunchTemplateData",
        **maker.inputs,
        networkInterfaces=interfaces,
    )
    maker.inputs.clear()
    data["TagSpecifications"] = tags
    answer = maker.call(
        "ec2", "CreateLaunchTemplate", LaunchTemplateName=name, LaunchTemplateData=data
    )
    made = answer["LaunchTemplate"]
    return {
        "id": made["LaunchTemplateId"],
        "name": name,
        "latestVersion": made["LatestVersionNumber"],
    }


def _group(maker: Maker) -> Outputs:
    maker.skip("waitForElbCapacity", "waitForCapacityTimeout")
    name = maker.named()
    refresh, metrics = maker.take("instanceRefresh"), maker.take("enabledMetrics")
    pool = maker.take("warmPool")
    subnets = maker.take("vpcZoneIdentifiers", [])
    tags = [tag | {"resourceId": name, "resourceType": _GROUP} for tag in maker.take("tags", [])]
    launch = maker.take("launchTemplate")
    named = {"id": "launchTemplateId"}
    specified = {named.get(key, key): value for key, value in (launch or {}).items()}
    fitted = maker.fitted(
        "autoscaling", "CreateAutoScalingGroup", tags=tags, launchTemplate=specified or None
    )
    maker.rest(
        "autoscaling",
        "CreateAutoScalingGroup",
        {"defaultCooldown": "DefaultCooldown"},
        AutoScalingGroupName=name,
        VPCZoneIdentifier=",".join(subnets),
        **fitted,
    )
    if metrics:
        collect = maker.fitted("autoscaling", "EnableMetricsCollection", metrics=metrics)
        maker.call(
            "autoscaling",
            "EnableMetricsCollection",
            AutoScalingGroupName=name,
            Granularity="1Minute",
            **collect,
        )
    if pool:
        fitted = maker.fitted("autoscaling", "PutWarmPool", **pool)
        maker.call("autoscaling", "PutWarmPool", AutoScalingGroupName=name, **fitted)
    if refresh:
        _refresh(maker, name, refresh)
    wanted = {"AutoScalingGroupNames": [name]}
    found = maker.call("autoscaling", "DescribeAutoScalingGroups", **wanted)["AutoScalingGroups"]
    return {"id": name, "name": name, "arn": found[0]["AutoScalingGroupARN"]}


_GROUP = "auto-scaling-group"


def _refresh(maker: Maker, name: str, refresh: dict[str, Any]) -> None:
    """What the provider starts when the template changes."""
    fitted = maker.fitted("autoscaling", "StartInstanceRefresh", **refresh)
    maker.call("autoscaling", "StartInstanceRefresh", AutoScalingGroupName=name, **fitted)


def _group_policy(maker: Maker) -> Outputs:
    name = maker.named()
    maker.rest("autoscaling", "PutScalingPolicy", PolicyName=name)
    found = maker.call("autoscaling", "DescribePolicies", PolicyNames=[name])["ScalingPolicies"]
    return {"id": name, "name": name, "arn": found[0]["PolicyARN"]}


def _group_schedule(maker: Maker) -> Outputs:
    # -1 is the provider's word for "leave as it is"
    for bound in ("minSize", "maxSize", "desiredCapacity"):
        if maker.inputs.get(bound) == -1:
            maker.skip(bound)
    maker.rest("autoscaling", "PutScheduledUpdateGroupAction")
    return {"id": maker.name}


def _service_policy(maker: Maker) -> Outputs:
    name = maker.named()
    made = maker.rest("application-autoscaling", "PutScalingPolicy", PolicyName=name)
    return {"id": name, "name": name, "arn": made["PolicyARN"]}


def _service_schedule(maker: Maker) -> Outputs:
    name = maker.named()
    maker.rest("application-autoscaling", "PutScheduledAction", ScheduledActionName=name)
    return {"id": name}


ROWS: Mapping[str, Make] = {
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": _providers,
    "aws:ecs/taskDefinition:TaskDefinition": _task,
    "aws:ecs/service:Service": _service,
    "aws:ec2/launchTemplate:LaunchTemplate": _template,
    "aws:autoscaling/group:Group": _group,
    "aws:autoscaling/lifecycleHook:LifecycleHook": row(
        "autoscaling", "PutLifecycleHook", auto="name=LifecycleHookName"
    ),
    "aws:autoscaling/policy:Policy": _group_policy,
    "aws:autoscaling/schedule:Schedule": _group_schedule,
    "aws:appautoscaling/target:Target": row(
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
