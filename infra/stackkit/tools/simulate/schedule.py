"""Which minutes a recurrence names: five fields in UTC, as plan/schedules.py checks them."""

from collections.abc import Sequence
from datetime import datetime

from stackkit.settings.schedules import Schedule

_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)


def names(schedule: Schedule, sample: datetime) -> bool:
    minute, hour, day, month, weekday = schedule.recurrence.split()
    return (
        _holds(minute, sample.minute)
        and _holds(hour, sample.hour)
        and _holds(day, sample.day)
        and _holds(month, sample.month, _MONTHS, 1)
        and _holds(weekday, sample.weekday(), _DAYS)
    )


def _holds(field: str, value: int, words: Sequence[str] = (), first: int = 0) -> bool:
    if field == "*":
        return True
    for part in field.split(","):
        low, _, high = part.partition("-")
        start = _number(low, words, first)
        end = _number(high, words, first) if high else start
        # FRI-MON goes round the end of the week
        if start <= value <= end or (end < start and (value >= start or value <= end)):
            return True
    return False


def _number(text: str, words: Sequence[str], first: int) -> int:
    return words.index(text) + first if text in words else int(text)
