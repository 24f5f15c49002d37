"""Counters of the request path: plain numbers, which collectors read once a second."""

from bisect import bisect_left

# Seconds. Each is at most twice the one before, so that a percentile between two is near.
BOUNDS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1,
    0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0,
)  # fmt: skip


class Timings:
    """A histogram of durations. The last bucket counts those above all bounds."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class PoolCounts:
    """Counters of a pool of connections."""

    __slots__ = ("acquires", "queries", "slow", "waiting")

    def __init__(self) -> None:
        self.acquires = Timings()
        self.slow = 0  # acquires that took more than half of the time that they are given
        self.queries = Timings()
        self.waiting = 0
