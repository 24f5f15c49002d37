import functools
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import msgspec

from servicekit.telemetry.stdout import StdoutHandler

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_NOTHING: dict[str, str] = {}

# What each line says of the request that it belongs to: its id, and its trace's.
LOG_CONTEXT: ContextVar[dict[str, str]] = ContextVar("log context", default=_NOTHING)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: what a log store can search without a parser."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **LOG_CONTEXT.get(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {**LOG_CONTEXT.get(), **_extra(record)}
        line, *trace = super().format(record).split("\n")
        shown = "".join(f" {key}={value}" for key, value in fields.items())
        return "\n".join([line + shown, *trace])


def configure_logging(environment: Literal["local", "production"]) -> StdoutHandler:
    handler = stdout_handler()
    if environment == "production":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(ConsoleFormatter("%(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return handler


@functools.cache
def stdout_handler() -> StdoutHandler:
    """One for the process, as its thread writes for as long as that lives."""
    return StdoutHandler()


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}
