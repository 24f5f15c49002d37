"""Who is told of what: of a deployment's harm first, and of everything once it runs."""

from collections.abc import Callable

from stackkit.alarms.alarms import Alarms, AlarmsArgs, Places
from stackkit.alarms.catalogue import ROLLBACK, table
from stackkit.alarms.context import Facts
from stackkit.alarms.paging import Paging, PagingArgs
from stackkit.alarms.spec import Row, Severity
from stackkit.alarms.topics import Topics, TopicsArgs
from stackkit.settings.config import Config

# where the runbooks lie, seen from the project
RUNBOOKS = "infra/runbooks"


def topics(settings: Config) -> Topics:
    tickets = settings.ticket_email or settings.alarm_email
    emails = {Severity.PAGE: settings.alarm_email, Severity.TICKET: tickets}
    return Topics(settings.name, TopicsArgs(emails=emails))


def rollback(facts: Facts, told: Topics, places: Places) -> Alarms:
    """The alarms that take a deployment back; they must be there before the first one."""
    return _alarms("rollback", facts, told, places, lambda row: row.name in ROLLBACK)


def everything(facts: Facts, told: Topics, before: Alarms, places: Places) -> None:
    alarms = _alarms("alarms", facts, told, places, lambda row: row.name not in ROLLBACK)
    if facts.settings.production:
        Paging(
            facts.settings.name,
            PagingArgs(
                rows=table(facts),
                alarms={**before.names, **alarms.names},
                topic_arn=told.arns[Severity.PAGE],
            ),
        )


def _alarms(
    role: str, facts: Facts, told: Topics, places: Places, chosen: Callable[[Row], bool]
) -> Alarms:
    settings = facts.settings
    # in production composites page, so that one failure is one page
    composed = (Severity.PAGE,) if settings.production else ()
    return Alarms(
        f"{settings.name}-{role}",
        AlarmsArgs(
            stack=settings.name,
            rows=[row for row in table(facts) if chosen(row)],
            places=places,
            topics={kind: arn for kind, arn in told.arns.items() if kind not in composed},
            runbooks=settings.runbooks_url or RUNBOOKS,
        ),
    )
