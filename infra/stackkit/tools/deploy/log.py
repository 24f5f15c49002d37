"""What the service has written, from CloudWatch."""

from datetime import UTC, datetime
from typing import Any

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


class Stream:
    """A log that is still being written, shown as it grows."""

    def __init__(self, account: Account, group: str, name: str) -> None:
        self._logs = account.client("logs")
        self._where = {"logGroupName": group, "logStreamName": name, "startFromHead": True}

    def show(self) -> None:
        """Print what has been written since the last call."""
        while events := self._next():
            print(*(event["message"] for event in events), sep="\n", flush=True)

    def _next(self) -> list[dict[str, Any]]:
        try:
            page = self._logs.get_log_events(**self._where)
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        self._where["nextToken"] = page["nextForwardToken"]
        return page["events"]


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
