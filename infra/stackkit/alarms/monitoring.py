"""Creates the alarms: those that roll a deployment back before compute, the others after it."""

from collections.abc import Mapping

import pulumi

from stackkit.alarms.alarms import Alarms
from stackkit.alarms.catalogue import ROLLBACK, table
from stackkit.alarms.paging import Paging
from stackkit.alarms.spec import Severity
from stackkit.alarms.topics import Topics
from stackkit.plan.plan import Plan
from stackkit.resources.monitored import ResourceNames


def rollback(numbers: Plan, topics: Topics, resource_names: ResourceNames) -> Alarms:
    """The alarms that roll a deployment back; they must exist before the first deployment."""
    settings = numbers.config
    rows = [row for row in table(numbers) if row.name in ROLLBACK]
    return Alarms(f"{settings.name}-rollback", settings, rows, topics, resource_names, {})


def everything(
    numbers: Plan,
    topics: Topics,
    before: Alarms,
    resource_names: ResourceNames,
    limits: Mapping[str, pulumi.Input[float]],
) -> None:
    """`limits` are those that AWS moves by itself: row → what it is now."""
    settings, rows = numbers.config, table(numbers)
    others = [row for row in rows if row.name not in ROLLBACK]
    alarms = Alarms(f"{settings.name}-alarms", settings, others, topics, resource_names, limits)
    if settings.production:
        every = {**before.names, **alarms.names}
        Paging(settings.name, rows, every, topics.arns[Severity.PAGE])
