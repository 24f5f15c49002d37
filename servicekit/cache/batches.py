import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from servicekit.errors import Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Batcher(Generic[K, V]):
    """Turns reads of single keys into few reads of many keys.

    Keys that are requested in one tick of the event loop form one call, which starts at once. While
    `concurrency` calls are under way, further keys wait and form the next call: batches grow with
    the load, and an idle service does not wait.

    A caller gets `Unavailable` if its call has not begun after `max_wait` seconds, and at once if
    the batcher is `too_busy`.
    """

    def __init__(
        self,
        fetch: Callable[[list[K]], Awaitable[Mapping[K, V]]],
        *,
        max_size: int,
        concurrency: int,
        max_wait: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._max_size = max_size
        self._concurrency = concurrency
        self._max_wait = max_wait
        self._clock = clock
        # with the ends of their waits, in the order of these
        self._waiting: deque[tuple[K, asyncio.Future[V | None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._mean_call = 0.0  # seconds, exponentially smoothed
        self._starting = False
        self._running: set[asyncio.Task[None]] = set()

    def too_busy(self) -> bool:
        """True if the call of a new caller is not to be expected within half of `max_wait`."""
        if not self._waiting:
            return False
        calls = len(self._waiting) / (self._max_size * self._concurrency)
        return calls * self._mean_call > self._max_wait / 2

    async def get(self, key: K) -> V | None:
        """The value of `key`, or None if `fetch` returned none. An error of `fetch` is raised to
        all callers of the batch."""
        return await self._request(key)

    async def get_all(self, keys: Iterable[K]) -> list[V | None]:
        return await asyncio.gather(*map(self._request, keys))

    async def finish(self) -> None:
        """Returns when no call is under way."""
        while self._running:
            await asyncio.wait(self._running)

    def _request(self, key: K) -> "asyncio.Future[V | None]":
        if self.too_busy():
            raise _unavailable()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        self._waiting.append((key, answer, loop.time() + self._max_wait))
        self._start()
        if self._timer is None and self._max_wait < math.inf:
            self._timer = loop.call_later(self._max_wait, self._expire)
        return answer

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            _, answer, end = self._waiting[0]
            if end > loop.time():
                self._timer = loop.call_at(end, self._expire)
                return
            self._waiting.popleft()
            if not answer.done():
                answer.set_exception(_unavailable())

    def _start(self) -> None:
        if self._waiting and not self._starting and len(self._running) < self._concurrency:
            self._starting = True
            task = asyncio.create_task(self._work())  # begins when this tick is over
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _work(self) -> None:
        self._starting = False
        while self._waiting:
            size = min(len(self._waiting), self._max_size)
            batch = [self._waiting.popleft() for _ in range(size)]
            self._start()
            begun = self._clock()
            await self._run(batch)
            self._mean_call += 0.1 * (self._clock() - begun - self._mean_call)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _run(self, batch: list[tuple[K, asyncio.Future[V | None], float]]) -> None:
        wanted = [(key, answer) for key, answer, _ in batch if not answer.done()]
        if not wanted:
            return
        try:
            found = await self._fetch(list(dict.fromkeys(key for key, _ in wanted)))
        except BaseException as error:
            for _, answer in wanted:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for key, answer in wanted:
                if not answer.done():
                    answer.set_result(found.get(key))


def _unavailable() -> Unavailable:
    return Unavailable("Too busy; try again.")
