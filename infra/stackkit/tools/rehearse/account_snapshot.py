"""The simulated account as it is after the program: read from its API, not from the inputs."""

import json
from functools import cached_property
from typing import Any

from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.workloads import Workload, workloads

Found = list[dict[str, Any]]


def _read(*how: str) -> "cached_property[Found]":
    return cached_property(lambda snapshot: snapshot.read(*how))


def _by(key: str, *how: str) -> "cached_property[dict[str, dict[str, Any]]]":
    return cached_property(lambda snapshot: {each[key]: each for each in snapshot.read(*how)})


class AccountSnapshot:
    def __init__(self, account: SimulatedAccount) -> None:
        self.account = account
        self.read = account.read

    balancers = _read("elbv2", "describe_load_balancers", "LoadBalancers")
    target_groups = _read("elbv2", "describe_target_groups", "TargetGroups")
    databases = _read("rds", "describe_db_instances", "DBInstances")
    proxies = _read("rds", "describe_db_proxies", "DBProxies")
    caches = _read("elasticache", "describe_replication_groups", "ReplicationGroups")
    security_groups = _by("GroupId", "ec2", "describe_security_groups", "SecurityGroups")
    subnets = _by("SubnetId", "ec2", "describe_subnets", "Subnets")
    nat_gateways = _read("ec2", "describe_nat_gateways", "NatGateways")
    flow_logs = _read("ec2", "describe_flow_logs", "FlowLogs")
    route_tables = _read("ec2", "describe_route_tables", "RouteTables")
    log_groups = _by("logGroupName", "logs", "describe_log_groups", "logGroups")
    alarms = _read("cloudwatch", "describe_alarms", "MetricAlarms")
    secrets = _by("ARN", "secretsmanager", "list_secrets", "SecretList")
    roles = _read("iam", "list_roles", "Roles")

    @cached_property
    def listeners(self) -> Found:
        how = ("elbv2", "describe_listeners", "Listeners")
        arns = [balancer["LoadBalancerArn"] for balancer in self.balancers]
        found = [each for arn in arns for each in self.read(*how, LoadBalancerArn=arn)]
        # the order in which they were made differs from run to run
        return sorted(found, key=lambda listener: listener["Port"])

    @cached_property
    def scalable(self) -> Found:
        """Services whose number of tasks may change."""
        how = ("application-autoscaling", "describe_scalable_targets", "ScalableTargets")
        return self.read(*how, ServiceNamespace="ecs")

    @cached_property
    def policies(self) -> Found:
        """How services and groups scale."""
        how = ("application-autoscaling", "describe_scaling_policies", "ScalingPolicies")
        groups = self.read("autoscaling", "describe_policies", "ScalingPolicies")
        return self.read(*how, ServiceNamespace="ecs") + groups

    @cached_property
    def workloads(self) -> list[Workload]:
        return list(workloads(self.account, self.scalable))

    @cached_property
    def vpcs(self) -> Found:
        """Those that the stack stands in."""
        return [v for v in self.read("ec2", "describe_vpcs", "Vpcs") if not v["IsDefault"]]

    @property
    def existing_vpc(self) -> bool:
        """The program didn't make it."""
        return not self.sent("CreateVpc")

    @cached_property
    def dashboards(self) -> Found:
        """Their widgets, one after the other."""
        client = self.account.client("cloudwatch")
        names = self.read("cloudwatch", "list_dashboards", "DashboardEntries")
        bodies = [client.get_dashboard(DashboardName=found["DashboardName"]) for found in names]
        return [w for body in bodies for w in json.loads(body["DashboardBody"])["widgets"]]

    def sent(self, operation: str) -> Found:
        """The requests of an operation: for what moto lacks or forgets."""
        return [dict(c.parameters) for c in self.account.calls if c.operation == operation]

    @cached_property
    def composites(self) -> Found:
        return self.sent("PutCompositeAlarm")

    @cached_property
    def canaries(self) -> Found:
        """What services are told of target groups and shares, where they take turns."""
        return [
            balancer["advancedConfiguration"] | service["deploymentConfiguration"]
            for service in self.sent("CreateService")
            for balancer in service.get("loadBalancers", [])
            if "advancedConfiguration" in balancer
        ]

    @cached_property
    def cache_places(self) -> list[tuple[list[str], list[str]]]:
        """Security groups and subnets of each cache."""
        subnets = [id for group in self.sent("CreateCacheSubnetGroup") for id in group["SubnetIds"]]
        sent = self.sent("CreateReplicationGroup")
        return [(cache.get("SecurityGroupIds", []), subnets) for cache in sent][: len(self.caches)]

    @cached_property
    def cache_node_names(self) -> list[str]:
        """As AWS numbers them; moto creates one node for any number."""
        return [
            f"{cache['ReplicationGroupId']}-{number:03}"
            for cache in self.sent("CreateReplicationGroup")
            for number in range(1, cache["NumCacheClusters"] + 1)
        ]

    def route_to_internet(self, subnet: str) -> str:
        """The target of a subnet's default route: igw-…, nat-…, or "" for none."""
        for table in self.route_tables:
            if subnet in [link.get("SubnetId") for link in table["Associations"]]:
                for route in table["Routes"]:
                    if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                        return route.get("NatGatewayId") or route.get("GatewayId") or "?"
        return ""

    def subnet_kind(self, subnet: str) -> str:
        """Public, private or isolated; or what else its default route leads to."""
        way = self.route_to_internet(subnet).partition("-")[0]
        return {"igw": "public", "nat": "private", "": "isolated"}.get(way, way)

    def statements(self, role: str) -> Found:
        """The statements of a role's own policies."""
        iam = self.account.client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found = [iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]
        return [each for policy in found for each in policy["PolicyDocument"]["Statement"]]
