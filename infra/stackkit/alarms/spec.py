"""What the table's rows are made of: a measure, a limit, and what to do beyond it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stackkit.resources.monitored import MonitoredResource


class Severity(StrEnum):
    # act now
    PAGE = "page"
    # act on a working day
    TICKET = "ticket"


@dataclass(frozen=True, kw_only=True)
class Metric:
    namespace: str
    name: str
    statistic: str
    # dimension → the resource whose name it is
    of: Mapping[str, MonitoredResource]
    # dimension → a value that names no resource
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Limit:
    value: float
    unit: str
    rationale: str
    # whether more is worse, or less
    above: bool = True


@dataclass(frozen=True)
class Window:
    """The alarm fires when `breaching` of the last `periods` are beyond the limit."""

    breaching: int
    periods: int
    period_s: int = 60

    @property
    def minutes(self) -> int:
        return self.periods * self.period_s // 60


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    # of the alarm, after the stack's, and of its page
    name: str
    title: str
    tier: str
    # id in the expression → metric; metrics of several resources are combined by `across`
    metrics: Mapping[str, Metric]
    expression: str = ""
    across: str = ""
    window: Window
    # must agree, so that an incident that is over stops paging
    short: Window | None = None
    limit: Limit
    severity: Severity
    # what no data means
    missing_is_breaching: bool = False
    # of the alarm, in a sentence
    meaning: str
    steps: tuple[str, ...]


def beyond(limit: Limit) -> str:
    return f"{'above' if limit.above else 'below'} {limit.value:,.10g} {limit.unit}"


def during(row: AlarmSpec) -> str:
    if row.short:
        return f"over {row.window.minutes} minutes and over {row.short.minutes}"
    return _window(row.window)


def _window(window: Window) -> str:
    minutes = window.period_s // 60
    unit = "minutes" if minutes == 1 else f"periods of {minutes} minutes"
    if window.periods == 1:
        return f"over {minutes} minutes"
    return f"in {window.breaching} of {window.periods} {unit}"
