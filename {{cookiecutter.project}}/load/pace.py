"""How fast the machine itself is, looked at beside a load.

The host of a virtual machine may take most of a core from it for tens of milliseconds, which Linux
may count as work of whoever was on the core. What is under way then is late by no fault of its own.
"""

import time
from array import array
from bisect import bisect
from collections.abc import Sequence
from statistics import median

_STEPS = range(400)  # some ten microseconds
_SLOW = 3  # times as long as usual
_NEAR = 0.01  # seconds in which what was held up is made up for


class Pace:
    def __init__(self) -> None:
        self._moments: array[float] = array("d")
        self._costs: array[float] = array("d")  # seconds of CPU

    def look(self) -> None:
        """Does a little work, always the same. Who waits for a core spends no CPU time meanwhile:
        a machine that others keep busy is not a slow one."""
        self._moments.append(time.monotonic())
        began = time.thread_time()
        _work()
        self._costs.append(time.thread_time() - began)

    def slow_at(self, moments: Sequence[float]) -> "array[int]":
        """1 for each of `moments` near one at which the work took more than three times as long as
        it mostly did, else 0."""
        most = _SLOW * median(self._costs) if self._costs else 0.0
        looks = zip(self._moments, self._costs, strict=True)
        slow = [moment for moment, cost in looks if cost > most]
        found = array("B")
        for moment in moments:
            first = bisect(slow, moment - _NEAR)
            found.append(first < len(slow) and slow[first] < moment + _NEAR)
        return found


def _work() -> None:
    for _ in _STEPS:
        pass
