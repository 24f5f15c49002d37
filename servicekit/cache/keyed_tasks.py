import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class KeyedTasks(Generic[T]):
    """Tasks by key. The newest task of a key is its current one until it ends or is evicted; a task
    that is evicted runs on. `on_end` gets the error of each task that is not cancelled, or None."""

    def __init__(self, on_end: Callable[[BaseException | None], None]) -> None:
        self._on_end = on_end
        self._current: dict[str, asyncio.Task[T]] = {}
        self._running: set[asyncio.Task[T]] = set()  # also those that were evicted
        self.get = self._current.get

    def __bool__(self) -> bool:
        """Whether a key has a current task."""
        return bool(self._current)

    def start(self, key: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._current[key] = task
        self._running.add(task)

        def ended(task: asyncio.Task[T]) -> None:
            self._running.discard(task)
            if self.get(key) is task:
                del self._current[key]
            if not task.cancelled():
                self._on_end(task.exception())

        task.add_done_callback(ended)
        return task

    def evict(self, key: str) -> None:
        self._current.pop(key, None)

    def evict_all(self) -> None:
        self._current.clear()

    def cancel(self) -> set[asyncio.Task[T]]:
        """Cancels all tasks, and returns them to be waited for."""
        for task in self._running:
            task.cancel()
        return set(self._running)
