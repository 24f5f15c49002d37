import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from servicekit.errors import (
    NotFound,
    Unavailable,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamTimeout,
)
from servicekit.telemetry.counters import Timings
from servicekit.telemetry.metrics import UPSTREAM_DURATION, UPSTREAM_REQUESTS, Sample

_OUTCOME = {
    NotFound: "missing",
    UpstreamFailed: "failed",
    UpstreamOverloaded: "failed",
    UpstreamTimeout: "timeout",
    Unavailable: "refused",  # by the breaker, or for want of a free connection
}
_OUTCOMES = ("ok", *dict.fromkeys(_OUTCOME.values()), "cancelled")


class CallCounts:
    """Calls of the upstream by their outcome, and their durations."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._timings = Timings()

    @contextmanager
    def counted(self) -> Iterator[None]:
        begun = time.perf_counter()
        outcome = "cancelled"
        try:
            yield
            outcome = "ok"
        except tuple(_OUTCOME) as error:
            outcome = _OUTCOME[type(error)]
            raise
        finally:
            self._outcomes[outcome] += 1
            self._timings.add(time.perf_counter() - begun)

    def samples(self) -> Iterator[Sample]:
        for outcome in _OUTCOMES:
            yield UPSTREAM_REQUESTS.sample(self._outcomes[outcome], outcome)
        yield UPSTREAM_DURATION.histogram([self._timings])
