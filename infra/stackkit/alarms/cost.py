"""What alarms cost: CloudWatch counts the metrics that they read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stackkit.alarms.context import Facts
from stackkit.alarms.spec import Part, Row, Severity

# US dollars a month for a composite alarm, whatever it reads
COMPOSITE = 0.50
COMPOSITES = 2


@dataclass(frozen=True)
class Watched:
    alarms: int
    metrics: int
    composites: int

    def dollars(self, metric: float) -> float:
        """A month, at what a metric's alarm costs in a region."""
        return self.metrics * metric + self.composites * COMPOSITE


def watching(rows: Iterable[Row], facts: Facts) -> Watched:
    alarms = metrics = composites = 0
    for row in rows:
        windows = 2 if row.short else 1
        alarms += windows
        metrics += windows * _series(row, _counts(facts))
        if row.severity is Severity.PAGE and facts.settings.production:
            composites = COMPOSITES
    return Watched(alarms + composites, metrics, composites)


def _series(row: Row, counts: Mapping[Part, int]) -> int:
    return sum(
        max(counts.get(part, 1) for part in metric.of.values()) for metric in row.metrics.values()
    )


def _counts(facts: Facts) -> Mapping[Part, int]:
    settings = facts.settings
    return {
        Part.CACHE_NODES: 1 + settings.cache_replicas,
        Part.NAT_GATEWAYS: settings.nat_gateways,
        Part.REPLICAS: settings.database_replicas,
    }
