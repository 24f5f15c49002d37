"""The simulated account as it is after the program: read from its API, not from the inputs."""

import base64
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rehearsal.account import Account

Found = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What runs behind a target group: an ECS service or an Auto Scaling group."""

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
    log_group: str
    tasks: str
    size: str


class World:
    def __init__(self, account: Account) -> None:
        self.account = account

    def read(self, service: str, method: str, key: str, **asked: Any) -> Found:
        client = self.account.client(service)
        if not client.can_paginate(method):
            return getattr(client, method)(**asked)[key]
        pages = client.get_paginator(method).paginate(**asked)
        return [entry for page in pages for entry in page[key]]

    @cached_property
    def balancers(self) -> Found:
        return self.read("elbv2", "describe_load_balancers", "LoadBalancers")

    @cached_property
    def listeners(self) -> Found:
        return [
            listener
            for balancer in self.balancers
            for listener in self.read(
                "elbv2",
                "describe_listeners",
                "Listeners",
                LoadBalancerArn=balancer["LoadBalancerArn"],
            )
        ]

    @cached_property
    def target_groups(self) -> Found:
        return self.read("elbv2", "describe_target_groups", "TargetGroups")

    @cached_property
    def databases(self) -> Found:
        return self.read("rds", "describe_db_instances", "DBInstances")

    @cached_property
    def proxies(self) -> Found:
        return self.read("rds", "describe_db_proxies", "DBProxies")

    @cached_property
    def caches(self) -> Found:
        return self.read("elasticache", "describe_replication_groups", "ReplicationGroups")

    @cached_property
    def cache_places(self) -> list[tuple[list[str], list[str]]]:
        """Security groups and subnets of each cache: moto forgets them, so as they were sent."""
        sent = {(c.service, c.operation): c.parameters for c in self.account.calls}
        subnets = sent.get(("elasticache", "CreateCacheSubnetGroup"), {}).get("SubnetIds", [])
        cache = sent.get(("elasticache", "CreateReplicationGroup"), {})
        return [(cache.get("SecurityGroupIds", []), subnets) for _ in self.caches]

    @cached_property
    def security_groups(self) -> dict[str, dict[str, Any]]:
        found = self.read("ec2", "describe_security_groups", "SecurityGroups")
        return {group["GroupId"]: group for group in found}

    @cached_property
    def subnets(self) -> dict[str, dict[str, Any]]:
        return {s["SubnetId"]: s for s in self.read("ec2", "describe_subnets", "Subnets")}

    @cached_property
    def log_groups(self) -> dict[str, dict[str, Any]]:
        found = self.read("logs", "describe_log_groups", "logGroups")
        return {group["logGroupName"]: group for group in found}

    @cached_property
    def alarms(self) -> Found:
        return self.read("cloudwatch", "describe_alarms", "MetricAlarms")

    @cached_property
    def secrets(self) -> dict[str, dict[str, Any]]:
        return {s["ARN"]: s for s in self.read("secretsmanager", "list_secrets", "SecretList")}

    def way_out(self, subnet: str) -> str:
        """Where a subnet's traffic to the world goes: igw, nat, or "" for nowhere."""
        for table in self._tables:
            if subnet in [link.get("SubnetId") for link in table["Associations"]]:
                for route in table["Routes"]:
                    if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                        return route.get("NatGatewayId") or route.get("GatewayId") or "?"
        return ""

    @cached_property
    def _tables(self) -> Found:
        return self.read("ec2", "describe_route_tables", "RouteTables")

    def statements(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role's own policies."""
        iam = self.account.client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
        ]
        return [statement for document in documents for statement in document["Statement"]]

    @cached_property
    def workloads(self) -> list[Workload]:
        return [*self._services(), *self._groups()]

    def _services(self) -> Iterator[Workload]:
        ecs = self.account.client("ecs")
        for cluster in ecs.list_clusters()["clusterArns"]:
            arns = ecs.list_services(cluster=cluster)["serviceArns"]
            found = ecs.describe_services(cluster=cluster, services=arns) if arns else {}
            for service in found.get("services", []):
                task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
                yield _service(service, task["taskDefinition"])

    def _groups(self) -> Iterator[Workload]:
        for group in self.read("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
            mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
            chosen = mixed.get("LaunchTemplateSpecification") or group["LaunchTemplate"]
            template = self.read(
                "ec2",
                "describe_launch_template_versions",
                "LaunchTemplateVersions",
                LaunchTemplateId=chosen["LaunchTemplateId"],
                Versions=[chosen["Version"]],
            )[0]["LaunchTemplateData"]
            types = [o["InstanceType"] for o in mixed.get("Overrides", [])]
            profile = template["IamInstanceProfile"]["Arn"].rpartition("/")[2]
            iam = self.account.client("iam")
            roles = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
            role = roles["Roles"][0]["RoleName"]
            port = self._port(group["TargetGroupARNs"])
            kinds = types or [template["InstanceType"]]
            yield _group(group, template, role, port, ", ".join(kinds))

    def _port(self, arns: list[str]) -> int:
        ports = [g["Port"] for g in self.target_groups if g["TargetGroupArn"] in arns]
        return ports[0] if ports else 0


def _service(service: dict[str, Any], task: dict[str, Any]) -> Workload:
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
        secrets={e["name"]: e["valueFrom"] for e in container.get("secrets", [])},
        role=task["executionRoleArn"].rpartition("/")[2],
        subnets=tuple(network["subnets"]),
        groups=tuple(network["securityGroups"]),
        log_group=container["logConfiguration"]["options"]["awslogs-group"],
        tasks=f"{service['desiredCount']} tasks at first",
        size=f"{int(task['cpu']) / 1024:g} vCPU, {task['memory']} MiB",
    )


def _group(
    group: dict[str, Any], template: dict[str, Any], role: str, port: int, types: str
) -> Workload:
    files = _files(template["UserData"])
    arguments = " ".join(files.get("/usr/local/bin/app-run", "").split("limits=(")[1:])
    flags = shlex.split(arguments.partition(")\n")[0])
    published = [flag.rpartition(":")[0] for flag in flags if flag.startswith("--publish=")]
    logs = [flag.partition("awslogs-group=")[2] for flag in flags if "awslogs-group=" in flag]
    return Workload(
        name=f"group {group['AutoScalingGroupName']}",
        target_group=next(iter(group["TargetGroupARNs"]), ""),
        port=port,
        published=tuple(int(flag.partition("=")[2]) for flag in published),
        environment=dict(re.findall(r"(\w+)=(.*)", files.get("/etc/app/environment", ""))),
        secrets=dict(re.findall(r"(\w+) (\S+)", files.get("/etc/app/secrets", ""))),
        role=role,
        subnets=tuple(group["VPCZoneIdentifier"].split(",")),
        groups=tuple(g for i in template["NetworkInterfaces"] for g in i["Groups"]),
        log_group=next(iter(logs), ""),
        tasks=f"{group['MinSize']} to {group['MaxSize']} instances",
        size=types,
    )


def _files(user_data: str) -> dict[str, str]:
    """What cloud-init writes, path → content."""
    config = json.loads(base64.b64decode(user_data).decode().partition("\n")[2])
    return {file["path"]: file["content"] for file in config["write_files"]}
