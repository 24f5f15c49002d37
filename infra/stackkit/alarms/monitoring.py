"""Creates the alarms: those that roll a deployment back before compute, the others after it."""

from collections.abc import Mapping

import pulumi

from stackkit.alarms.alarms import Alarms, AlarmsArgs
from stackkit.alarms.catalogue import ROLLBACK, table
from stackkit.alarms.paging import Paging, PagingArgs
from stackkit.alarms.spec import Severity
from stackkit.alarms.topics import Topics
from stackkit.plan.plan import Plan
from stackkit.resources.monitored import ResourceNames


def rollback(numbers: Plan, topics: Topics, resource_names: ResourceNames) -> Alarms:
    """The alarms that roll a deployment back; they must exist before the first deployment."""
    rows = [row for row in table(numbers) if row.name in ROLLBACK]
    return Alarms(
        f"{numbers.config.name}-rollback",
        AlarmsArgs(
            settings=numbers.config,
            rows=rows,
            resource_names=resource_names,
            topics=topics,
            limits={},
        ),
    )


def everything(
    numbers: Plan,
    topics: Topics,
    before: Alarms,
    resource_names: ResourceNames,
    limits: Mapping[str, pulumi.Input[float]],
) -> None:
    """`limits` are those that AWS moves by itself: row → what it is now."""
    settings, rows = numbers.config, table(numbers)
    alarms = Alarms(
        f"{settings.name}-alarms",
        AlarmsArgs(
            settings=settings,
            rows=[row for row in rows if row.name not in ROLLBACK],
            resource_names=resource_names,
            topics=topics,
            limits=limits,
        ),
    )
    if settings.production:
        Paging(
            settings.name,
            PagingArgs(
                rows=rows,
                alarms={**before.names, **alarms.names},
                topic_arn=topics.arns[Severity.PAGE],
            ),
        )
