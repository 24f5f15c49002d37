"""What watching costs a month; CloudWatch's prices in us-east-1, other regions differ a little."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watching.facts import Facts
from watching.row import Part, Row, Severity

# US dollars: for each metric that an alarm reads, and for each composite alarm
METRIC = 0.10
COMPOSITE = 0.50
COMPOSITES = 2


@dataclass(frozen=True)
class Cost:
    alarms: int
    metrics: int
    composites: int

    @property
    def dollars(self) -> float:
        return self.metrics * METRIC + self.composites * COMPOSITE


def cost(rows: Iterable[Row], facts: Facts) -> Cost:
    alarms = metrics = composites = 0
    for row in rows:
        windows = 2 if row.short else 1
        alarms += windows
        metrics += windows * _series(row, _counts(facts))
        if row.severity is Severity.PAGE and facts.settings.production:
            composites = COMPOSITES
    return Cost(alarms + composites, metrics, composites)


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
