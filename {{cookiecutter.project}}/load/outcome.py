"""How requests ended, and how long each took."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

NEVER = float("inf")
_COLUMNS = ("due", "took", "late", "end", "asked", "slow")


class End(IntEnum):
    """The ends that are no HTTP status."""

    NEVER_SERVED = 0  # no answer in time
    RESET = 1  # the connection ended before the answer did
    REFUSED = 2  # no connection
    FOREIGN = 3  # the answer to another request

    @classmethod
    def name_of(cls, end: int) -> str:
        if end < 100:
            return cls(end).name.lower().replace("_", " ")
        if end < 400:
            return "ok"
        return "4xx" if end < 500 else "shed 503" if end == 503 else "other 5xx"


@dataclass
class Outcome:
    """One entry of each array per request, in the order in which they were due. Seconds; moments
    are of the monotonic clock, which all processes of the machine share."""

    names: list[str]  # of what was asked
    due: "array[float]" = field(default_factory=lambda: array("d"))
    took: "array[float]" = field(default_factory=lambda: array("d"))  # from `due` to the last byte
    late: "array[float]" = field(default_factory=lambda: array("d"))  # the generator itself
    end: "array[int]" = field(default_factory=lambda: array("H"))  # HTTP status, or an `End`
    asked: "array[int]" = field(default_factory=lambda: array("B"))  # which of `names`
    slow: "array[int]" = field(default_factory=lambda: array("B"))  # 1: the machine was
    cpu: float = 0.0  # seconds of the generator's process

    def __len__(self) -> int:
        return len(self.due)

    @classmethod
    def joined(cls, outcomes: Sequence[Self]) -> Self:
        """Of the same names, one after the other."""
        whole = cls(outcomes[0].names)
        for outcome in outcomes:
            for name in _COLUMNS:
                getattr(whole, name).extend(getattr(outcome, name))
            whole.cpu += outcome.cpu
        return whole

    def only(self, *names: str) -> Self:
        wanted = {number for number, name in enumerate(self.names) if name in names}
        return self._where(lambda n: self.asked[n] in wanted)

    def between(self, begin: float, end: float) -> Self:
        """Those that were due in that time."""
        return self._where(lambda n: begin <= self.due[n] < end)

    def answered(self, *statuses: int) -> Self:
        return self._where(lambda n: self.end[n] in statuses)

    def counts(self) -> dict[str, int]:
        """How many ended in which way, by the names of `End`."""
        found: dict[str, int] = {}
        for end in self.end:
            name = End.name_of(end)
            found[name] = found.get(name, 0) + 1
        return found

    def count(self, *names: str) -> int:
        return sum(count for name, count in self.counts().items() if name in names)

    def percentile(self, percent: float) -> float:
        """Of the seconds that a request took; what never was answered took for ever."""
        return _percentile(self.took, percent)

    def undisturbed(self) -> Self:
        """Those that were due while the machine itself was not slow (`load.pace`), however long
        they took."""
        return self._where(lambda n: not self.slow[n])

    def steady(self, percent: float) -> float:
        """The median of each second's percentile, of the undisturbed: no hiccup of the machine
        decides between two runs."""
        met = self.undisturbed()
        seconds: dict[int, array[float]] = {}
        for due, took in zip(met.due, met.took, strict=True):
            seconds.setdefault(int(due - self.due[0]), array("d")).append(took)
        return _percentile(
            array("d", [_percentile(took, percent) for took in seconds.values()]), 50
        )

    def rate(self) -> float:
        """Requests that were sent per second."""
        if len(self) < 2:
            return 0.0
        sent = self.due[-1] + self.late[-1] - self.due[0] - self.late[0]
        return (len(self) - 1) / sent if sent > 0 else 0.0

    def lateness(self) -> float:
        """Seconds by which the generator itself was late, the 99th percentile. Above a hundredth
        the figures tell of the generator, not of the service."""
        return _percentile(self.late, 99)

    def _where(self, wanted: Callable[[int], bool]) -> Self:
        chosen = [n for n in range(len(self)) if wanted(n)]
        columns = {
            name: array(getattr(self, name).typecode, [getattr(self, name)[n] for n in chosen])
            for name in _COLUMNS
        }
        return type(self)(self.names, **columns, cpu=self.cpu)


def _percentile(values: "array[float]", percent: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] if ranked else NEVER
