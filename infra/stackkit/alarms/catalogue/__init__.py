"""The one table: every alarm, every line of the dashboard and every runbook is a row of it."""

from collections.abc import Sequence

from stackkit.alarms.catalogue import (
    cache,
    database,
    edge,
    instances,
    network,
    objective,
    service,
    targets,
    tasks,
)
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.spec import AlarmSpec

# what a deployment must not cause: ECS and the Auto Scaling group roll it back
ROLLBACK = ("errors", "latency")


def table(context: AlarmContext) -> Sequence[AlarmSpec]:
    """The rows of a stack; a cheap one is watched by a few."""
    compute = tasks if context.settings.compute == "fargate" else instances
    tiers = [edge, targets, objective, compute, database, cache, network]
    if not context.settings.otlp_endpoint:
        # else CloudWatch hears nothing of the service's own metrics
        tiers.insert(tiers.index(compute), service)
    rows = [row for tier in tiers for row in tier.rows(context)]
    return rows if context.settings.production else [row for row in rows if row.in_development]
