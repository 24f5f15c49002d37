"""Alarms, scaling, logs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackkit.tools.rehearse.account_snapshot import AccountSnapshot

# target tracking brings alarms of its own, which AWS wires
MADE_BY_AWS = "TargetTracking-"


def alarms(snapshot: AccountSnapshot) -> Iterator[str]:
    targets = {topic["TopicArn"] for topic in snapshot.read("sns", "list_topics", "Topics")}
    targets |= {policy["PolicyARN"] for policy in snapshot.policies}
    # alarms that notify through a composite
    composed = {name for composite in snapshot.composites for name in _composed(composite)}
    named = _named(snapshot)
    for alarm in snapshot.alarms:
        if alarm["AlarmName"].startswith(MADE_BY_AWS):
            continue
        for dimension in _dimensions(alarm):
            name, value = dimension["Name"], dimension["Value"]
            if value not in named.get(name, {value}):
                yield f"alarm {alarm['AlarmName']}: there is no {name} {value}"
        if not alarm.get("AlarmActions") and alarm["AlarmName"] not in composed:
            yield f"alarm {alarm['AlarmName']}: nothing happens when it fires"
        yield from _missing_targets(alarm, targets)
    yield from _composites(snapshot, targets)
    yield from _deployment(snapshot)


def _named(snapshot: AccountSnapshot) -> Mapping[str, set[str]]:
    """What each dimension may be the name of."""
    services = [w.name.removeprefix("service ") for w in snapshot.workloads if "service " in w.name]
    groups = [w.name.removeprefix("group ") for w in snapshot.workloads if "group " in w.name]
    clusters = snapshot.read("ecs", "list_clusters", "clusterArns")
    balancers = [b["LoadBalancerArn"].partition(":loadbalancer/")[2] for b in snapshot.balancers]
    return {
        "LoadBalancer": set(balancers),
        "TargetGroup": {g["TargetGroupArn"].rpartition(":")[2] for g in snapshot.target_groups},
        "DBInstanceIdentifier": {d["DBInstanceIdentifier"] for d in snapshot.databases},
        "CacheClusterId": set(snapshot.cache_node_names),
        "NatGatewayId": {gateway["NatGatewayId"] for gateway in snapshot.nat_gateways},
        "WebACL": set(_firewall_metrics(snapshot)),
        "Region": {snapshot.account.region},
        "Service": {w.environment.get("OTEL_SERVICE_NAME", "") for w in snapshot.workloads},
        "ClusterName": {str(arn).rpartition("/")[2] for arn in clusters},
        "ServiceName": set(services),
        "AutoScalingGroupName": set(groups),
    }


def _firewall_metrics(snapshot: AccountSnapshot) -> Iterator[str]:
    for call in snapshot.account.calls:
        if call.operation == "CreateWebACL":
            yield call.parameters["VisibilityConfig"]["MetricName"]


def _missing_targets(alarm: Mapping[str, Any], targets: set[str]) -> Iterator[str]:
    for action in (*alarm.get("AlarmActions", ()), *alarm.get("OKActions", ())):
        if action not in targets:
            yield f"alarm {alarm['AlarmName']}: there is no {action}"


def _composites(snapshot: AccountSnapshot, targets: set[str]) -> Iterator[str]:
    known = {alarm["AlarmName"] for alarm in snapshot.alarms}
    known |= {composite["AlarmName"] for composite in snapshot.composites}
    for composite in snapshot.composites:
        name = composite["AlarmName"]
        watched = [*_composed(composite), composite.get("ActionsSuppressor")]
        missing = [alarm for alarm in watched if alarm and alarm not in known]
        yield from (f"alarm {name}: there is no alarm {alarm}" for alarm in missing)
        yield from _missing_targets(composite, targets)
        if not composite.get("AlarmActions"):
            yield f"alarm {name}: nothing happens when it fires"


def _composed(composite: Mapping[str, Any]) -> list[str]:
    return re.findall(r'ALARM\("([^"]+)"\)', composite["AlarmRule"])


def _deployment(snapshot: AccountSnapshot) -> Iterator[str]:
    """The alarms by which a deployment is rolled back; moto forgets them, so as they were sent."""
    names = {alarm["AlarmName"] for alarm in snapshot.alarms}
    for call in snapshot.account.calls:
        if call.operation == "CreateService":
            watched = call.parameters.get("deploymentConfiguration", {}).get("alarms", {})
            wanted = watched.get("alarmNames", [])
            yield from (f"{call.name}: no alarm {name}" for name in wanted if name not in names)


def scaling(snapshot: AccountSnapshot) -> Iterator[str]:
    services = {w.name.partition("service ")[2] for w in snapshot.workloads}
    targets = snapshot.scalable
    for target in targets:
        if target["ResourceId"].rpartition("/")[2] not in services:
            yield f"scalable target {target['ResourceId']}: there is no such service"
        if target["MinCapacity"] > target["MaxCapacity"]:
            yield f"scalable target {target['ResourceId']}: its minimum is above its maximum"
    known = {target["ResourceId"] for target in targets}
    labels = {
        f"{b['LoadBalancerArn'].partition(':loadbalancer/')[2]}"
        f"/{g['TargetGroupArn'].rpartition(':')[2]}"
        for b in snapshot.balancers
        for g in snapshot.target_groups
    }
    policies = snapshot.policies
    if not policies:
        yield "nothing scales"
    for policy in policies:
        if policy.get("ResourceId", "") not in known | {""}:
            yield f"policy {policy['PolicyName']}: there is no {policy['ResourceId']}"
        label = _label(policy)
        if label and label not in labels:
            yield f"policy {policy['PolicyName']}: no target group is called {label}"


def logs(snapshot: AccountSnapshot) -> Iterator[str]:
    for workload in snapshot.workloads:
        if workload.log_group not in snapshot.log_groups:
            yield f"{workload.name}: there is no log group {workload.log_group}"
    for flow in snapshot.read("ec2", "describe_flow_logs", "FlowLogs"):
        name = flow.get("LogGroupName") or flow["LogDestination"].split(":")[6]
        if name not in snapshot.log_groups:
            yield f"flow log {flow['FlowLogId']}: there is no log group {name}"
    for name, group in snapshot.log_groups.items():
        if "retentionInDays" not in group:
            yield f"log group {name}: keeps everything for ever"


def _label(policy: Mapping[str, Any]) -> str:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or policy.get(
        "TargetTrackingConfiguration", {}
    )
    return tracking.get("PredefinedMetricSpecification", {}).get("ResourceLabel", "")


def _dimensions(alarm: Mapping[str, Any]) -> list[dict[str, str]]:
    queries = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    nested = [dimension for query in queries for dimension in query["Dimensions"]]
    return [*alarm.get("Dimensions", []), *nested]
