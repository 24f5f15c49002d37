"""The simulated account as it is after the program: read from its API, not from the inputs."""

import json
from functools import cached_property
from typing import Any

from stackkit.tools.rehearse.account_reader import AccountReader, Found
from stackkit.tools.rehearse.workloads import Workload, workloads


class AccountSnapshot(AccountReader):
    @cached_property
    def balancers(self) -> Found:
        return self.read("elbv2", "describe_load_balancers", "LoadBalancers")

    @cached_property
    def listeners(self) -> Found:
        found = [
            listener
            for balancer in self.balancers
            for listener in self.read(
                "elbv2",
                "describe_listeners",
                "Listeners",
                LoadBalancerArn=balancer["LoadBalancerArn"],
            )
        ]
        # the order in which they were made differs from run to run
        return sorted(found, key=lambda listener: listener["Port"])

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
    def cache_nodes(self) -> int:
        """As requested: moto creates one node for any number."""
        sent = [c.parameters for c in self.account.calls if c.operation == "CreateReplicationGroup"]
        return sum(parameters.get("NumCacheClusters", 1) for parameters in sent)

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
    def dashboards(self) -> Found:
        """Their widgets, one after the other."""
        client = self.account.client("cloudwatch")
        names = self.read("cloudwatch", "list_dashboards", "DashboardEntries")
        bodies = [client.get_dashboard(DashboardName=found["DashboardName"]) for found in names]
        return [w for body in bodies for w in json.loads(body["DashboardBody"])["widgets"]]

    @cached_property
    def composites(self) -> Found:
        """moto has no composite alarms, so as they were sent."""
        calls = self.account.calls
        return [dict(c.parameters) for c in calls if c.operation == "PutCompositeAlarm"]

    @cached_property
    def nat_gateways(self) -> Found:
        return self.read("ec2", "describe_nat_gateways", "NatGateways")

    @cached_property
    def cache_node_names(self) -> list[str]:
        """moto names none, so as AWS numbers them."""
        sent = [c for c in self.account.calls if c.operation == "CreateReplicationGroup"]
        return [
            f"{call.parameters['ReplicationGroupId']}-{number:03}"
            for call in sent
            for number in range(1, call.parameters["NumCacheClusters"] + 1)
        ]

    @cached_property
    def secrets(self) -> dict[str, dict[str, Any]]:
        return {s["ARN"]: s for s in self.read("secretsmanager", "list_secrets", "SecretList")}

    @cached_property
    def policies(self) -> Found:
        """Scaling policies, of services and of groups."""
        services = self.read(
            "application-autoscaling",
            "describe_scaling_policies",
            "ScalingPolicies",
            ServiceNamespace="ecs",
        )
        return services + self.read("autoscaling", "describe_policies", "ScalingPolicies")

    def route_to_internet(self, subnet: str) -> str:
        """The target of a subnet's default route: igw-…, nat-…, or "" for none."""
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
        return list(workloads(self))
