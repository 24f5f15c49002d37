"""Creates the alarms: those that roll a deployment back before compute, the others after it."""

from collections.abc import Callable, Mapping

import pulumi

from stackkit.alarms.alarms import Alarms, AlarmsArgs
from stackkit.alarms.catalogue import ROLLBACK, table
from stackkit.alarms.context import AlarmContext
from stackkit.alarms.paging import Paging, PagingArgs
from stackkit.alarms.spec import AlarmSpec, Severity
from stackkit.alarms.topics import Topics, TopicsArgs, slack
from stackkit.resources.monitored import ResourceNames
from stackkit.settings.config import Config

# `make runbooks` writes them there, seen from the project
RUNBOOKS = "infra/runbooks"


def topics(settings: Config) -> Topics:
    tickets = settings.ticket_email or settings.alarm_email
    emails = {Severity.PAGE: settings.alarm_email, Severity.TICKET: tickets}
    made = Topics(settings.name, TopicsArgs(emails=emails))
    if settings.slack_channel_id:
        slack(settings, list(made.arns.values()), made)
    return made


def rollback(context: AlarmContext, topics: Topics, resource_names: ResourceNames) -> Alarms:
    """The alarms that roll a deployment back; they must exist before the first deployment."""
    return _alarms("rollback", context, topics, resource_names, lambda row: row.name in ROLLBACK)


def everything(
    context: AlarmContext,
    topics: Topics,
    before: Alarms,
    resource_names: ResourceNames,
    limits: Mapping[str, pulumi.Input[float]],
) -> None:
    """`limits` are those that AWS moves by itself: row → what it is now."""
    alarms = _alarms(
        "alarms", context, topics, resource_names, lambda row: row.name not in ROLLBACK, limits
    )
    if context.settings.production:
        Paging(
            context.settings.name,
            PagingArgs(
                rows=table(context),
                alarms={**before.names, **alarms.names},
                topic_arn=topics.arns[Severity.PAGE],
            ),
        )


def _alarms(
    role: str,
    context: AlarmContext,
    topics: Topics,
    resource_names: ResourceNames,
    chosen: Callable[[AlarmSpec], bool],
    limits: Mapping[str, pulumi.Input[float]] | None = None,
) -> Alarms:
    settings = context.settings
    # in production composites page, so that one failure is one page
    composed = (Severity.PAGE,) if settings.production else ()
    return Alarms(
        f"{settings.name}-{role}",
        AlarmsArgs(
            stack=settings.name,
            rows=[row for row in table(context) if chosen(row)],
            resource_names=resource_names,
            topics={kind: arn for kind, arn in topics.arns.items() if kind not in composed},
            runbooks=settings.runbooks_url or RUNBOOKS,
            limits=limits or {},
        ),
    )
