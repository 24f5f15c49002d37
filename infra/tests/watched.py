"""What is wrong with a stack's alarms, in a sentence each; nothing, it is to be hoped."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aws_metrics import METRICS
from harness import Registration, Run
from stackkit.resources.service_metrics import EMITTED, NAMESPACE, SERVICE

# what CloudWatch has, and what the collector makes of what the service counts
KNOWN = METRICS | {
    NAMESPACE: {
        each.name: {frozenset({SERVICE}), frozenset({SERVICE, each.by} - {""})} for each in EMITTED
    }
}
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


def metrics(alarm: Registration) -> list[Mapping[str, Any]]:
    """The metrics of an alarm: its own, or those of its expression."""
    queries = alarm.inputs.get("metricQueries")
    if queries is None:
        return [alarm.inputs]
    return [query["metric"] for query in queries if "metric" in query]


def names(made: Run) -> Mapping[str, set[str]]:
    """What each dimension may be the name of: what the program's resources are called."""

    def known(kind: str, name: str = "{0}-0123456") -> set[str]:
        return {name.format(entry.name) for entry in made.all(kind)}

    group = "aws:elasticache/replicationGroup:ReplicationGroup"
    caches = [(c.name, c.inputs["numCacheClusters"]) for c in made.all(group)]
    zones = made.one("awsx:ec2:Vpc")
    return {
        "LoadBalancer": known("aws:lb/loadBalancer:LoadBalancer", "app/{0}/1"),
        "TargetGroup": known("aws:lb/targetGroup:TargetGroup", "targetgroup/{0}/2"),
        "ClusterName": known("aws:ecs/cluster:Cluster"),
        "ServiceName": known("aws:ecs/service:Service"),
        "AutoScalingGroupName": known("aws:autoscaling/group:Group"),
        "DBInstanceIdentifier": known("aws:rds/instance:Instance", "{0}"),
        "WebACL": known("aws:wafv2/webAcl:WebAcl", "{0}"),
        "CacheClusterId": {f"{name}-00{n + 1}" for name, count in caches for n in range(count)},
        "NatGatewayId": {f"nat-{zones.name}-{n}" for n in (1, 2, 3)},
        "Region": {"eu-west-1"},
        "Rule": {"ALL"},
        "Service": {zones.name},
        "layer": {"external"},
    }


def faults(made: Run) -> Iterator[str]:
    told = {topic["arn"] for topic in topics(made)}
    composed = set(re.findall(r'ALARM\("([^"]+)"\)', " ".join(_rules(made))))
    for alarm in made.all(ALARM):
        yield from (f"{alarm.name}: {fault}" for fault in _unknown(alarm, names(made)))
        if alarm.inputs.get("alarmDescription", "").startswith("Scaling"):
            continue
        yield from (f"{alarm.name}: {fault}" for fault in _unexplained(alarm))
        actions = alarm.inputs.get("alarmActions") or ()
        if not actions and f"{alarm.name}-0123456" not in composed:
            yield f"{alarm.name}: nobody is told"
        yield from (f"{alarm.name}: {arn} is no topic" for arn in actions if arn not in told)
    yield from _composites(made, composed, told)


def topics(made: Run) -> list[Mapping[str, str]]:
    arn = "arn:aws:sns:eu-west-1:123456789012:topic/{}"
    return [{"name": t.name, "arn": arn.format(t.name)} for t in made.all("aws:sns/topic:Topic")]


def _rules(made: Run) -> list[str]:
    return [composite.inputs["alarmRule"] for composite in made.all(COMPOSITE)]


def _unknown(alarm: Registration, known: Mapping[str, set[str]]) -> Iterator[str]:
    for metric in metrics(alarm):
        space, name = metric["namespace"], metric["metricName"]
        by = metric["dimensions"]
        if name not in KNOWN.get(space, {}):
            yield f"{space} has no {name}"
        elif frozenset(by) not in KNOWN[space][name]:
            yield f"{space} {name} is not there by {', '.join(sorted(by))}"
        for dimension, value in by.items():
            if value not in known[dimension]:
                yield f"there is no {dimension} {value}"


def _unexplained(alarm: Registration) -> Iterator[str]:
    described = alarm.inputs["alarmDescription"]
    page = described.rpartition("Runbook: ")[2].rpartition("/")[2]
    if page.removesuffix(".md") not in alarm.name:
        yield f"{page or 'no page'} is no runbook"


def _composites(made: Run, composed: set[str], told: set[str]) -> Iterator[str]:
    there = {f"{alarm.name}-0123456" for alarm in made.all(ALARM)}
    yield from (f"a composite asks for {name}" for name in sorted(composed - there))
    for composite in made.all(COMPOSITE):
        if not set(composite.inputs["alarmActions"]) <= told:
            yield f"{composite.name}: nobody is told"
