"""The end of what the service has written."""

from datetime import UTC, datetime

from stackkit.tools.deploy.account import Account

LINES = 20
STREAMS = 3


def tail(account: Account, group: str, stream: str) -> list[str]:
    """The last lines of one stream; nothing if nothing was written."""
    logs = account.client("logs")
    try:
        found = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=LINES)
    except logs.exceptions.ResourceNotFoundException:
        return [f"log {stream}: nothing was written"]
    return [f"log {stream}:", *(f"  {event['message']}" for event in found["events"])]


def newest(account: Account, group: str) -> list[str]:
    """The last lines of whatever wrote last."""
    found = account.client("logs").describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True, limit=STREAMS
    )
    return [
        line
        for stream in found["logStreams"]
        for line in tail(account, group, stream["logStreamName"])
    ]


def clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%S")
