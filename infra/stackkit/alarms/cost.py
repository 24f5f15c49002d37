"""What alarms cost: CloudWatch counts the metrics that they read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stackkit.alarms.spec import AlarmSpec, Severity
from stackkit.resources.monitored import MonitoredResource
from stackkit.settings.config import Config

# US dollars a month for a composite alarm, independent of what it reads
COMPOSITE = 0.50
COMPOSITES = 2


@dataclass(frozen=True)
class AlarmCost:
    alarms: int
    metrics: int
    composites: int

    def dollars(self, metric: float) -> float:
        """A month, at what a metric's alarm costs in a region."""
        return self.metrics * metric + self.composites * COMPOSITE


def alarm_cost(rows: Iterable[AlarmSpec], settings: Config) -> AlarmCost:
    alarms = metrics = composites = 0
    for row in rows:
        windows = 2 if row.short else 1
        alarms += windows
        metrics += windows * _series(row, _counts(settings))
        if row.severity is Severity.PAGE and settings.production:
            composites = COMPOSITES
    return AlarmCost(alarms + composites, metrics, composites)


def _series(row: AlarmSpec, counts: Mapping[MonitoredResource, int]) -> int:
    return sum(
        max(counts.get(part, 1) for part in metric.of.values()) for metric in row.metrics.values()
    )


def _counts(settings: Config) -> Mapping[MonitoredResource, int]:
    return {
        MonitoredResource.TARGETS: 2 if settings.rollout == "canary" else 1,
        MonitoredResource.CACHE_NODES: 1 + settings.cache_replicas,
        MonitoredResource.NAT_GATEWAYS: settings.nat_gateways,
        MonitoredResource.REPLICAS: settings.database_replicas,
    }
