"""Scheduled bounds of the fleet, written once and said in both dialects of AWS."""

import re
from dataclasses import dataclass

from stackkit.settings.errors import ConfigError

SCHEDULE = r"\S+ \S+ \S+ \S+ \S+ = \d+\.\.\d+"
SCHEDULE_WANTED = (
    'a line "minute hour day month weekday = min..max" such as "0 7 * * MON-FRI = 60..330"'
)
_MINUTE = r"\d{1,2}(,\d{1,2})*"
_DAY = r"\*|\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*"
_NAMES = r"\*|[A-Z]{3}(-[A-Z]{3})?(,[A-Z]{3}(-[A-Z]{3})?)*"


@dataclass(frozen=True)
class Schedule:
    """From each moment that `recurrence` (five fields, UTC) names, the fleet has these bounds."""

    recurrence: str
    minimum: int
    maximum: int

    @property
    def aws_expression(self) -> str:
        """The same moments in Application Auto Scaling's six fields, one of the days a `?`."""
        minute, hour, day, month, weekday = self.recurrence.split()
        day, weekday = (day, "?") if weekday == "*" else ("?", weekday)
        return f"cron({minute} {hour} {day} {month} {weekday} *)"


def read_schedule(line: str) -> Schedule:
    recurrence, _, bounds = line.partition(" = ")
    minute, hour, day, month, weekday = recurrence.split()
    fits = (
        re.fullmatch(_MINUTE, minute)
        and re.fullmatch(rf"\*|{_MINUTE}", hour)
        and re.fullmatch(_DAY, day)
        and re.fullmatch(rf"{_DAY}|{_NAMES}", month)
        and re.fullmatch(_NAMES, weekday)
    )
    if not fits or "*" not in (day, weekday):
        raise ConfigError(
            f"schedules: {recurrence!r} is not a recurrence; use five fields in UTC, weekdays by"
            " name (MON-FRI), and a day of the month or a weekday but not both."
        )
    minimum, maximum = (int(bound) for bound in bounds.split(".."))
    if minimum > maximum:
        raise ConfigError(f"schedules: the minimum {minimum} is above the maximum {maximum}.")
    return Schedule(recurrence, minimum, maximum)
