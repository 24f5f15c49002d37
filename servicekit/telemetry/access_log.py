import logging
import random
import time
from collections.abc import Callable
from urllib.parse import quote

from servicekit.settings import Settings

logger = logging.getLogger("access")

_MAX_PATH = 256  # characters
_MAX_SLOW_LINES = 100  # a second; a line for each of many slow responses would slow them further


class AccessLog:
    """A line for each response that is slow or failed, and for a share of the others.

    Of the slow responses of one second, those beyond the first hundred become one line with their
    number.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._share = settings.access_log_share
        self._slow = settings.slow_request
        self._until_next = self._gap()
        self._second = 0
        self._slow_answers = 0  # of that second

    def due(self, status: int, seconds: float) -> bool:
        if status >= 500:
            return True
        if seconds >= self._slow:
            return self._has_room(int(self._clock()))
        self._until_next -= 1
        if self._until_next > 0:
            return False
        self._until_next = self._gap()
        return True

    def line(
        self, method: str, path: str, route: str, status: int, seconds: float, request_id: str
    ) -> None:
        logger.info(
            "%s %s %s",
            method[:16],
            quote(path[:_MAX_PATH], errors="replace"),  # no line ends, no terminal's commands
            status or "left",
            extra={
                "request_id": request_id,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
            },
        )

    def _has_room(self, second: int) -> bool:
        if second != self._second:
            if self._slow_answers > _MAX_SLOW_LINES:
                logger.info("%d more slow responses", self._slow_answers - _MAX_SLOW_LINES)
            self._second, self._slow_answers = second, 0
        self._slow_answers += 1
        return self._slow_answers <= _MAX_SLOW_LINES

    def _gap(self) -> float:
        """Responses until the next line. Random, because traffic has periods of its own."""
        if not self._share:
            return float("inf")
        return 1 if self._share == 1 else random.expovariate(self._share)
