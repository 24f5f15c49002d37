import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

logger = logging.getLogger(__name__)

# A healthy server is probed 4 times less often than a failing one: a probe is load, and the server
# may just be busy.
_HEALTHY_PROBE_FACTOR = 4
State = Literal["closed", "half-open", "open"]
STATES = get_args(State)  # by how few calls each lets through


class CircuitBreaker:
    """Rejects calls to a dependency that does not answer, so that no caller waits for a timeout.

    | state | calls |
    |---|---|
    | closed | all |
    | open, after `failures` in a row | none |
    | half-open, `pause` seconds later | one, whose outcome closes or opens the breaker |

    A dependency with `run_probes` is closed by a probe instead, apart from any request.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 1,
        pause: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.state: State = "closed"
        self.times_opened = 0
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._try_at = 0.0
        self._probe_requested = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self.state == "closed"

    def allows_call(self) -> bool:
        """True if a call may go out. After a pause, this is true for the first caller only."""
        if self.state == "closed":
            return True
        now = self._clock()
        if now < self._try_at:
            return False
        self._try_at = now + self._pause
        self.state = "half-open"
        return True

    def record_success(self) -> None:
        self._failures = 0
        if self.state != "closed":
            self._change("closed")

    def record_failure(self) -> None:
        self._failures += 1
        self._probe_requested.set()
        if self._failures >= self._limit:
            self._try_at = self._clock() + self._pause
            if self.state == "closed":
                self.times_opened += 1
                self._change("open")
            self.state = "open"

    def request_probe(self) -> None:
        """Starts a probe after a failure that the dependency may not have caused."""
        self._probe_requested.set()

    async def run_probes(self, is_alive: Callable[[], Awaitable[bool]]) -> None:
        """Probes the dependency after `request_probe`, and then repeatedly until it answers."""
        while True:
            await self._probe_requested.wait()
            self._probe_requested.clear()
            if await is_alive():
                self.record_success()
                await asyncio.sleep(self._pause * _HEALTHY_PROBE_FACTOR)
            else:
                self.record_failure()
                # Random, so that the workers do not probe at the same moment.
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))

    def _change(self, state: State) -> None:
        self.state = state
        log = logger.info if state == "closed" else logger.warning
        log("circuit breaker %s", state, extra={"dependency": self.name})
