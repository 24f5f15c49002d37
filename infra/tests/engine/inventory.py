"""What lies in a simulated account, asked of each service's own list."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import jmespath

# service, operation, its parameters, and where the answer has the names
LISTS: list[tuple[str, str, Mapping[str, Any], str]] = [
    ("acm", "list_certificates", {}, "CertificateSummaryList[].CertificateArn"),
    (
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": "ecs"},
        "ScalableTargets[].ResourceId",
    ),
    (
        "application-autoscaling",
        "describe_scaling_policies",
        {"ServiceNamespace": "ecs"},
        "ScalingPolicies[].PolicyARN",
    ),
    ("autoscaling", "describe_auto_scaling_groups", {}, "AutoScalingGroups[].AutoScalingGroupName"),
    ("autoscaling", "describe_policies", {}, "ScalingPolicies[].PolicyName"),
    # those of a scaling policy are its own; moto keeps the old ones when the policy changes
    (
        "cloudwatch",
        "describe_alarms",
        {},
        "MetricAlarms[?!starts_with(AlarmName, 'TargetTracking-')].AlarmName",
    ),
    ("cloudwatch", "list_dashboards", {}, "DashboardEntries[].DashboardName"),
    ("ec2", "describe_addresses", {}, "Addresses[].AllocationId"),
    ("ec2", "describe_flow_logs", {}, "FlowLogs[].FlowLogId"),
    ("ec2", "describe_internet_gateways", {}, "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_launch_templates", {}, "LaunchTemplates[].LaunchTemplateId"),
    ("ec2", "describe_nat_gateways", {}, "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_route_tables", {}, "RouteTables[].RouteTableId"),
    ("ec2", "describe_security_group_rules", {}, "SecurityGroupRules[].SecurityGroupRuleId"),
    ("ec2", "describe_security_groups", {}, "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", {}, "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", {}, "VpcEndpoints[].VpcEndpointId"),
    ("ec2", "describe_vpcs", {}, "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", {}, "repositories[].repositoryName"),
    ("ecs", "list_task_definitions", {"status": "ACTIVE"}, "taskDefinitionArns"),
    ("elasticache", "describe_cache_subnet_groups", {}, "CacheSubnetGroups[].CacheSubnetGroupName"),
    (
        "elasticache",
        "describe_replication_groups",
        {},
        "ReplicationGroups[?Status!='deleting'].ReplicationGroupId",
    ),
    ("elasticache", "describe_users", {}, "Users[?Status!='deleting'].UserId"),
    ("elbv2", "describe_load_balancers", {}, "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "describe_target_groups", {}, "TargetGroups[].TargetGroupArn"),
    ("iam", "list_instance_profiles", {}, "InstanceProfiles[].InstanceProfileName"),
    ("iam", "list_policies", {"Scope": "Local"}, "Policies[].PolicyName"),
    ("iam", "list_roles", {}, "Roles[].RoleName"),
    ("logs", "describe_log_groups", {}, "logGroups[].logGroupName"),
    ("rds", "describe_db_instances", {}, "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_parameter_groups", {}, "DBParameterGroups[].DBParameterGroupName"),
    ("rds", "describe_db_proxies", {}, "DBProxies[].DBProxyName"),
    ("rds", "describe_db_subnet_groups", {}, "DBSubnetGroups[].DBSubnetGroupName"),
    ("route53", "list_hosted_zones", {}, "HostedZones[].Id"),
    ("s3", "list_buckets", {}, "Buckets[].Name"),
    ("scheduler", "list_schedules", {}, "Schedules[].Name"),
    ("secretsmanager", "list_secrets", {}, "SecretList[].Name"),
    ("sns", "list_subscriptions", {}, "Subscriptions[].SubscriptionArn"),
    ("sns", "list_topics", {}, "Topics[].TopicArn"),
    ("wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs[].Id"),
]


def inventory(api: str, region: str) -> set[str]:
    """Every resource that the services list, as "service operation name"."""
    session = boto3.Session(
        aws_access_key_id="rehearsal", aws_secret_access_key="rehearsal", region_name=region
    )
    return set(_resources(session, api))


def _resources(session: boto3.Session, api: str) -> Iterator[str]:
    for service, operation, parameters, path in LISTS:
        client: Any = session.client(service, endpoint_url=api)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**parameters)
        else:
            pages = [getattr(client, operation)(**parameters)]
        for page in pages:
            yield from (f"{service} {operation} {name}" for name in jmespath.search(path, page))
    yield from _clusters(session.client("ecs", endpoint_url=api))
    yield from _keys(session.client("kms", endpoint_url=api))


def _clusters(ecs: Any) -> Iterator[str]:
    """A deleted one is listed for a while, as inactive."""
    clusters = ecs.list_clusters()["clusterArns"]
    for cluster in ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []:
        if cluster["status"] == "ACTIVE":
            yield f"ecs list_clusters {cluster['clusterArn']}"
            services = ecs.list_services(cluster=cluster["clusterArn"])["serviceArns"]
            yield from (f"ecs list_services {service}" for service in services)


def _keys(kms: Any) -> Iterator[str]:
    """Those of the account's own; a deleted one is listed until its waiting period ends."""
    aliases = kms.list_aliases()["Aliases"]
    aws = {a.get("TargetKeyId") for a in aliases if a["AliasName"].startswith("alias/aws/")}
    for key in kms.list_keys()["Keys"]:
        if key["KeyId"] in aws:
            continue
        if not kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"].get("DeletionDate"):
            yield f"kms list_keys {key['KeyId']}"
