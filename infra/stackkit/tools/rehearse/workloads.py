"""What runs behind a target group, read from the account: an ECS service or an instance group."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackkit.policy.containers import ENVIRONMENT_FILE, written_files
from stackkit.tools.rehearse.account import SimulatedAccount


@dataclass(frozen=True, kw_only=True)
class Workload:
    name: str
    target_group: str
    # where the load balancer's requests go, and what the container publishes
    port: int
    published: tuple[int, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    # starts the container: may read the secrets and write the log
    role: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    public_addresses: bool
    log_group: str
    tasks: str
    size: str


def workloads(
    account: SimulatedAccount, scalable: Iterable[Mapping[str, Any]]
) -> Iterator[Workload]:
    bounds = {
        target["ResourceId"].rpartition("/")[2]: (target["MinCapacity"], target["MaxCapacity"])
        for target in scalable
    }
    ecs = account.client("ecs")
    for cluster in ecs.list_clusters()["clusterArns"]:
        arns = ecs.list_services(cluster=cluster)["serviceArns"]
        found = ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else []
        for service in found:
            task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
            yield _service(service, task["taskDefinition"], bounds)
    for group in account.read("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        yield _group(account, group)


def _service(
    service: dict[str, Any], task: dict[str, Any], bounds: Mapping[str, tuple[int, int]]
) -> Workload:
    fewest, most = bounds.get(service["serviceName"], (service["desiredCount"],) * 2)
    balancer = (service["loadBalancers"] or [{}])[0]
    container = next(
        (c for c in task["containerDefinitions"] if c["name"] == balancer.get("containerName")),
        task["containerDefinitions"][0],
    )
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    return Workload(
        name=f"service {service['serviceName']}",
        target_group=balancer.get("targetGroupArn", ""),
        port=balancer.get("containerPort", 0),
        published=tuple(p["containerPort"] for p in container["portMappings"]),
        environment={e["name"]: e["value"] for e in container["environment"]},
        secrets={
            e["name"]: e["valueFrom"]
            for each in task["containerDefinitions"]
            for e in each.get("secrets", [])
        },
        role=task["executionRoleArn"].rpartition("/")[2],
        subnets=tuple(network["subnets"]),
        groups=tuple(network["securityGroups"]),
        public_addresses=network.get("assignPublicIp") == "ENABLED",
        log_group=container["logConfiguration"]["options"]["awslogs-group"],
        tasks=f"{fewest} to {most} tasks",
        size=f"{int(task['cpu']) / 1024:g} vCPU, {task['memory']} MiB",
    )


def _group(account: SimulatedAccount, group: dict[str, Any]) -> Workload:
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    chosen = mixed.get("LaunchTemplateSpecification") or group["LaunchTemplate"]
    how = ("ec2", "describe_launch_template_versions", "LaunchTemplateVersions")
    [version] = account.read(
        *how, LaunchTemplateId=chosen["LaunchTemplateId"], Versions=[chosen["Version"]]
    )
    template, arns = version["LaunchTemplateData"], group["TargetGroupARNs"]
    files = written_files(template["UserData"])
    secrets = files.get("/etc/app/secrets", "") + files.get("/etc/app/collector-secrets", "")
    arguments = " ".join(files.get("/usr/local/bin/app-run", "").split("limits=(")[1:])
    flags = shlex.split(arguments.partition(")\n")[0])
    logs = [flag.partition("awslogs-group=")[2] for flag in flags if "awslogs-group=" in flag]
    types = [o["InstanceType"] for o in mixed.get("Overrides", [])] or [template["InstanceType"]]
    name = template["IamInstanceProfile"]["Arn"].rpartition("/")[2]
    profile = account.client("iam").get_instance_profile(InstanceProfileName=name)
    groups = account.read("elbv2", "describe_target_groups", "TargetGroups")
    return Workload(
        name=f"group {group['AutoScalingGroupName']}",
        target_group=next(iter(arns), ""),
        port=next((g["Port"] for g in groups if g["TargetGroupArn"] in arns), 0),
        published=tuple(
            int(flag.removeprefix("--publish=").partition(":")[0])
            for flag in flags
            if flag.startswith("--publish=")
        ),
        environment=dict(re.findall(r"(\w+)=(.*)", files.get(ENVIRONMENT_FILE, ""))),
        secrets=dict(re.findall(r"(\w+) (\S+)", secrets)),
        role=profile["InstanceProfile"]["Roles"][0]["RoleName"],
        subnets=tuple(group["VPCZoneIdentifier"].split(",")),
        groups=tuple(g for i in template["NetworkInterfaces"] for g in i["Groups"]),
        public_addresses=False,
        log_group=next(iter(logs), ""),
        tasks=f"{group['MinSize']} to {group['MaxSize']} instances",
        size=", ".join(types),
    )
