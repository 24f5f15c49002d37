"""Alarms, scaling, logs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot

# target tracking brings alarms of its own, which AWS wires
MADE_BY_AWS = "TargetTracking-"


def alarms(snapshot: AccountSnapshot) -> Iterator[str]:
    """What they watch exists, and each notifies somebody; a call to an unknown ARN is refused."""
    composed = {name for composite in snapshot.composites for name in _composed(composite)}
    named = _named(snapshot)
    own = [a for a in snapshot.alarms if not a["AlarmName"].startswith(MADE_BY_AWS)]
    for alarm in own:
        for dimension in _dimensions(alarm):
            name, value = dimension["Name"], dimension["Value"]
            if value not in named.get(name, {value}):
                yield f"alarm {alarm['AlarmName']}: there is no {name} {value}"
    for alarm in (*own, *snapshot.composites):
        # an alarm of a composite notifies through it
        if not alarm.get("AlarmActions") and alarm["AlarmName"] not in composed:
            yield f"alarm {alarm['AlarmName']}: nothing happens when it fires"
    yield from _references(snapshot)


def _references(snapshot: AccountSnapshot) -> Iterator[str]:
    """Alarms that composites and deployments name; moto forgets them, so as they were sent."""
    known = {alarm["AlarmName"] for alarm in snapshot.alarms + snapshot.composites}
    wanted = {
        composite["AlarmName"]: [*_composed(composite), composite.get("ActionsSuppressor", "")]
        for composite in snapshot.composites
    }
    for service in snapshot.sent("CreateService"):
        watched = service.get("deploymentConfiguration", {}).get("alarms", {})
        wanted[service["serviceName"]] = watched.get("alarmNames", [])
    for name, alarms in wanted.items():
        yield from (f"{name}: there is no alarm {a}" for a in alarms if a not in known | {""})


def _named(snapshot: AccountSnapshot) -> Mapping[str, set[str]]:
    """What each dimension may be the name of."""
    clusters = snapshot.read("ecs", "list_clusters", "clusterArns")
    balancers = [b["LoadBalancerArn"].partition(":loadbalancer/")[2] for b in snapshot.balancers]
    return {
        "LoadBalancer": set(balancers),
        "TargetGroup": {g["TargetGroupArn"].rpartition(":")[2] for g in snapshot.target_groups},
        "DBInstanceIdentifier": {d["DBInstanceIdentifier"] for d in snapshot.databases},
        "CacheClusterId": set(snapshot.cache_node_names),
        "NatGatewayId": {gateway["NatGatewayId"] for gateway in snapshot.nat_gateways},
        "WebACL": {a["VisibilityConfig"]["MetricName"] for a in snapshot.sent("CreateWebACL")},
        "Region": {snapshot.account.region},
        "Service": {w.environment.get("OTEL_SERVICE_NAME", "") for w in snapshot.workloads},
        "ClusterName": {str(arn).rpartition("/")[2] for arn in clusters},
        "ServiceName": {w.name.partition("service ")[2] for w in snapshot.workloads},
        "AutoScalingGroupName": {w.name.partition("group ")[2] for w in snapshot.workloads},
    }


def _composed(composite: Mapping[str, Any]) -> list[str]:
    return re.findall(r'ALARM\("([^"]+)"\)', composite["AlarmRule"])


def scaling(snapshot: AccountSnapshot) -> Iterator[str]:
    named = _named(snapshot)
    for target in snapshot.scalable:
        if target["ResourceId"].rpartition("/")[2] not in named["ServiceName"]:
            yield f"scalable target {target['ResourceId']}: there is no such service"
        if target["MinCapacity"] > target["MaxCapacity"]:
            yield f"scalable target {target['ResourceId']}: its minimum is above its maximum"
    known = {target["ResourceId"] for target in snapshot.scalable}
    labels = {f"{b}/{g}" for b in named["LoadBalancer"] for g in named["TargetGroup"]}
    if not snapshot.policies:
        yield "nothing scales"
    for policy in snapshot.policies:
        if policy.get("ResourceId", "") not in known | {""}:
            yield f"policy {policy['PolicyName']}: there is no {policy['ResourceId']}"
        label = tracking(policy).get("PredefinedMetricSpecification", {}).get("ResourceLabel", "")
        if label not in labels | {""}:
            yield f"policy {policy['PolicyName']}: no target group is called {label}"


def logs(snapshot: AccountSnapshot) -> Iterator[str]:
    for workload in snapshot.workloads:
        if workload.log_group not in snapshot.log_groups:
            yield f"{workload.name}: there is no log group {workload.log_group}"
    for flow in snapshot.flow_logs:
        name = flow.get("LogGroupName") or flow["LogDestination"].split(":")[6]
        if name not in snapshot.log_groups:
            yield f"flow log {flow['FlowLogId']}: there is no log group {name}"
    for name, group in snapshot.log_groups.items():
        if "retentionInDays" not in group:
            yield f"log group {name}: keeps everything for ever"


def tracking(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """The target that a policy of a service or of a group tracks; empty for steps."""
    names = ("TargetTrackingScalingPolicyConfiguration", "TargetTrackingConfiguration")
    return next((policy[name] for name in names if policy.get(name)), {})


def _dimensions(alarm: Mapping[str, Any]) -> list[dict[str, str]]:
    queries = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    nested = [dimension for query in queries for dimension in query["Dimensions"]]
    return [*alarm.get("Dimensions", []), *nested]
