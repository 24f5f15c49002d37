"""Parts of a load's outcomes: by request, by time, by status."""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Self

from load.generator import FOREIGN, REFUSED, RESET, TIMEOUT, Outcomes, percentile

_NO_RESPONSE = {TIMEOUT: "timeout", RESET: "reset", REFUSED: "refused", FOREIGN: "foreign"}


class ObservedRequests:
    """One entry per request, in the order in which the requests were due."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self.due, self.took, self.status = outcomes.due, outcomes.took, outcomes.status

    def __len__(self) -> int:
        return len(self.due)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Of loads with the same requests, one after the other."""
        first = parts[0].outcomes
        columns = [array(column.typecode) for column in first.columns()]
        for part in parts:
            for column, more in zip(columns, part.outcomes.columns(), strict=True):
                column.extend(more)
        return cls(_outcomes(first, columns))

    def only(self, *names: str) -> Self:
        wanted = {n for n, spec in enumerate(self.outcomes.requests) if spec.name in names}
        return self._where(lambda n: self.outcomes.spec[n] in wanted)

    def between(self, begin: float, end: float) -> Self:
        """Those that were due in that time."""
        return self._where(lambda n: begin <= self.due[n] < end)

    def with_status(self, *statuses: int) -> Self:
        return self._where(lambda n: self.status[n] in statuses)

    def counts(self) -> dict[str, int]:
        """How many ended in which way: ok, 4xx, shed 503, other 5xx, or without a response."""
        return dict(Counter(map(_name, self.status)))

    def count(self, *names: str) -> int:
        return sum(count for name, count in self.counts().items() if name in names)

    def percentile(self, percent: float) -> float:
        """Seconds; infinite where so many requests got no response."""
        return percentile(self.took, percent)

    def usual_percentile(self, percent: float) -> float:
        """The median of each second's percentile: a stall of the machine changes it little."""
        seconds: dict[int, list[float]] = {}
        for due, took in zip(self.due, self.took, strict=True):
            seconds.setdefault(int(due - self.due[0]), []).append(took)
        return median(percentile(took, percent) for took in seconds.values()) if seconds else 0.0

    def lateness(self) -> float:
        """Seconds by which the generator itself was late, 99th percentile."""
        return percentile(self.outcomes.late, 99)

    def _where(self, wanted: Callable[[int], bool]) -> Self:
        chosen = [n for n in range(len(self)) if wanted(n)]
        columns = [array(c.typecode, [c[n] for n in chosen]) for c in self.outcomes.columns()]
        return type(self)(_outcomes(self.outcomes, columns))


def _outcomes(like: Outcomes, columns: Sequence[Any]) -> Outcomes:
    """`columns` in the order of `Outcomes.columns`."""
    return Outcomes(like.requests, *columns)


def _name(status: int) -> str:
    if status < 100:
        return _NO_RESPONSE[status]
    if status < 400:
        return "ok"
    return "4xx" if status < 500 else "shed 503" if status == 503 else "other 5xx"
