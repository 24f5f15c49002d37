import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

logger = logging.getLogger(__name__)

_CALM = 4  # what answers is asked so much more rarely: it may be busy, and questions are work
State = Literal["closed", "half-open", "open"]
STATES = get_args(State)  # in the order of how little goes through


class Breaker:
    """Keeps calls from a dependency that does not answer, so that none waits to learn it again.

    Closed, all calls go through; after `failures` in a row it is open and none does. What closes
    it again is either `watch`, which asks the dependency apart from any request, or one call that
    `admits` lets through after each `pause` (seconds).
    """

    def __init__(self, name: str, *, failures: int = 1, pause: float = 0.25) -> None:
        self.name = name
        self.state: State = "closed"
        self.times_opened = 0
        self._limit = failures
        self._pause = pause
        self._failures = 0
        self._try_at = 0.0
        self._doubted = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self.state == "closed"

    def admits(self) -> bool:
        """Whether a call may go out. Of those that come after a pause, the first tries for all."""
        if self.state == "closed":
            return True
        now = time.monotonic()
        if now < self._try_at:
            return False
        self._try_at = now + self._pause
        self.state = "half-open"
        return True

    def succeeded(self) -> None:
        self._failures = 0
        if self.state != "closed":
            self._change("closed")

    def failed(self) -> None:
        self._failures += 1
        self._doubted.set()
        if self._failures >= self._limit:
            self._try_at = time.monotonic() + self._pause
            if self.state == "closed":
                self.times_opened += 1
                self._change("open")
            self.state = "open"

    def doubt(self) -> None:
        """Has `watch` ask, for failures that may have another cause than the dependency."""
        self._doubted.set()

    async def watch(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Asks the dependency when it is in doubt, and from then on until it answers."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            if await answers():
                self.succeeded()
                await asyncio.sleep(self._pause * _CALM)
            else:
                self.failed()
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # not all workers at once

    def _change(self, state: State) -> None:
        self.state = state
        log = logger.info if state == "closed" else logger.warning
        log("circuit breaker %s", state, extra={"dependency": self.name})
