"""The alarms of a stack, read from catalogue.yaml; dashboard and runbooks are made of them too."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stackkit.alarms.limits import limits
from stackkit.alarms.spec import AlarmSpec, Limit, Metric, Severity, Window
from stackkit.plan.plan import Plan
from stackkit.resources.monitored import MonitoredResource as Resource
from stackkit.resources.service_metrics import NAMESPACE, SERVICE
from stackkit.settings.config import Config

# ECS and the Auto Scaling group roll a deployment back on these
ROLLBACK = ("errors", "latency")
# the cheapest stack has these alone
IN_DEVELOPMENT = (*ROLLBACK, "too-few-targets", "database-storage")
BALANCER = {"LoadBalancer": Resource.BALANCER}
ECS_SERVICE = {"ClusterName": Resource.CLUSTER, "ServiceName": Resource.SERVICE}
GROUP = {"AutoScalingGroupName": Resource.GROUP}
CACHE_NODE = {"CacheClusterId": Resource.CACHE_NODES}
# source of a metric → its namespace, and dimension → the resource whose name it is
SOURCES: Mapping[str, tuple[str, Mapping[str, Resource]]] = {
    "balancer": ("AWS/ApplicationELB", BALANCER),
    "target": ("AWS/ApplicationELB", {**BALANCER, "TargetGroup": Resource.TARGETS}),
    "service": (NAMESPACE, {SERVICE: Resource.STACK}),
    "ecs": ("AWS/ECS", ECS_SERVICE),
    "insights": ("ECS/ContainerInsights", ECS_SERVICE),
    "ec2": ("AWS/EC2", GROUP),
    "group": ("AWS/AutoScaling", GROUP),
    "database": ("AWS/RDS", {"DBInstanceIdentifier": Resource.DATABASE}),
    "replicas": ("AWS/RDS", {"DBInstanceIdentifier": Resource.REPLICAS}),
    "cache": ("AWS/ElastiCache", CACHE_NODE),
    "cache-replicas": ("AWS/ElastiCache", CACHE_NODE),
    "nat": ("AWS/NATGateway", {"NatGatewayId": Resource.NAT_GATEWAYS}),
    "firewall": ("AWS/WAFV2", {"WebACL": Resource.FIREWALL, "Region": Resource.REGION}),
}


def table(numbers: Plan) -> Sequence[AlarmSpec]:
    """The alarms whose metrics a stack has; a development stack has the few of IN_DEVELOPMENT."""
    settings = numbers.config
    values, missing = limits(numbers), _missing(settings)
    specs = [
        _spec(tier, name, entry, values)
        for tier, name, entry in _entries(settings.compute)
        if missing.isdisjoint(text.split()[0] for text in entry["metrics"].values())
    ]
    return [spec for spec in specs if settings.production or spec.name in IN_DEVELOPMENT]


def _missing(settings: Config) -> set[str]:
    """Sources that a stack has no metrics from."""
    there = {
        "service": not settings.otlp_endpoint,
        "ecs": settings.compute == "fargate",
        "insights": settings.compute == "fargate",
        "ec2": settings.compute == "ec2",
        "group": settings.compute == "ec2",
        "replicas": settings.database_replicas,
        "cache-replicas": settings.cache_replicas,
        "nat": settings.nat_gateways,
        "firewall": settings.waf,
    }
    return {source for source in there if not there[source]}


def metric(text: str) -> Metric:
    """The metric of a line such as "service cache_reads_total Sum layer=external"."""
    source, name, statistic, *fixed = text.split()
    namespace, of = SOURCES[source]
    labels = dict(pair.split("=") for pair in fixed)
    return Metric(namespace=namespace, name=name, statistic=statistic, of=of, fixed=labels)


def _entries(compute: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for tier, alarms in _document().items():
        for name, entry in alarms.items():
            yield tier, name, {**entry, **entry.get(compute, {})}


@cache
def _document() -> Mapping[str, Mapping[str, Any]]:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())


def _spec(tier: str, name: str, entry: Mapping[str, Any], values: Mapping[str, Any]) -> AlarmSpec:
    def filled(text: str) -> str:
        return text.format_map(values)

    limit = entry["limit"]
    beyond = limit["above"] if "above" in limit else limit["below"]
    return AlarmSpec(
        name=filled(name),
        title=filled(entry["title"]),
        tier=tier,
        metrics={id: metric(text) for id, text in entry["metrics"].items()},
        expression=entry.get("expression", ""),
        across=entry.get("across", ""),
        window=Window(*entry.get("window", (5, 5))),
        short=Window(*entry["short"]) if "short" in entry else None,
        limit=Limit(
            value=values[beyond] if isinstance(beyond, str) else beyond,
            unit=filled(limit["unit"]),
            rationale=filled(limit["rationale"]),
            above="above" in limit,
        ),
        severity=Severity(entry.get("severity", Severity.TICKET)),
        missing_is_breaching=entry.get("missing_is_breaching", False),
        meaning=filled(entry["meaning"]),
        steps=tuple(map(filled, entry["steps"])),
    )
