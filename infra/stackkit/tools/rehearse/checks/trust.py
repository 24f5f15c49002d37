"""Whom the roles trust: each exactly the service that uses it."""

from collections.abc import Iterator, Mapping
from typing import Any

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot


def trust(snapshot: AccountSnapshot) -> Iterator[str]:
    users: dict[str, set[str]] = {}
    for role, service in _uses(snapshot):
        users.setdefault(role.rpartition("/")[2], set()).add(service)
    providers = snapshot.read("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList")
    # their identities are outside of AWS
    outside = {f"Federated {provider['Arn']}" for provider in providers}
    for role in snapshot.roles:
        # those that AWS makes for itself
        if role["Path"].startswith("/aws-service-role/"):
            continue
        name, trusted = role["RoleName"], set(_trusted(role["AssumeRolePolicyDocument"]))
        wanted = users.get(name) or trusted & outside
        if not wanted:
            yield f"role {name}: nothing uses it"
        yield from (f"role {name} does not trust {who}, which uses it" for who in wanted - trusted)
        if wanted:
            yield from (f"role {name} also trusts {who}" for who in sorted(trusted - wanted))


def _uses(snapshot: AccountSnapshot) -> Iterator[tuple[str, str]]:
    """Role and the service that takes it."""
    ecs = snapshot.account.client("ecs")
    # of services, and of standalone tasks
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        for kind in ("executionRoleArn", "taskRoleArn"):
            yield definition.get(kind, ""), "ecs-tasks.amazonaws.com"
    for profile in snapshot.read("iam", "list_instance_profiles", "InstanceProfiles"):
        yield from ((role["RoleName"], "ec2.amazonaws.com") for role in profile["Roles"])
    for found, key, service in (
        (snapshot.flow_logs, "DeliverLogsPermissionArn", "vpc-flow-logs"),
        (snapshot.proxies, "RoleArn", "rds"),
        (snapshot.databases, "MonitoringRoleArn", "monitoring.rds"),
        ([s["Target"] for s in snapshot.sent("CreateSchedule")], "RoleArn", "scheduler"),
        (snapshot.sent("CreateSlackChannelConfiguration"), "IamRoleArn", "chatbot"),
        (snapshot.canaries, "roleArn", "ecs"),
    ):
        yield from ((each.get(key, ""), f"{service}.amazonaws.com") for each in found)
    for role in snapshot.roles:
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            yield from ((role["RoleName"], f"Federated {who}") for who in vouched_for(statement))


def vouched_for(statement: Mapping[str, Any]) -> list[str]:
    """The identity providers whose word lets somebody in: whom, and meant for AWS, is said, too."""
    equal = statement.get("Condition", {}).get("StringEquals", {})
    bound = []
    for kind, provider in _principals(statement["Principal"]):
        host = provider.partition(":oidc-provider/")[2]
        meant_for = equal.get(f"{host}:aud")
        if kind == "Federated" and equal.get(f"{host}:sub") and meant_for == "sts.amazonaws.com":
            bound.append(provider)
    return bound


def _trusted(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            for kind, named in _principals(statement["Principal"]):
                yield named if kind == "Service" else f"{kind} {named}"


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    if isinstance(principal, str):
        yield "anybody", principal
        return
    for kind, named in principal.items():
        yield from ((kind, one) for one in (named if isinstance(named, list) else [named]))
