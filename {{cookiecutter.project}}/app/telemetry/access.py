import logging
import random
from urllib.parse import quote

from app.settings import Settings

logger = logging.getLogger("access")

_LONGEST_PATH = 256  # characters


class AccessLog:
    """A line for each answer that is slow or failed, and for a share of the others."""

    def __init__(self, settings: Settings) -> None:
        self._share = settings.access_log_share
        self._slow = settings.slow_request
        self._until_next = self._gap()

    def due(self, status: int, seconds: float) -> bool:
        if status >= 500 or seconds >= self._slow:
            return True
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
            quote(path[:_LONGEST_PATH], errors="replace"),  # no line ends, no terminal's commands
            status or "left",
            extra={
                "request_id": request_id,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
            },
        )

    def _gap(self) -> float:
        """How many answers to the next line: random, as traffic has rhythms of its own."""
        if not self._share:
            return float("inf")
        return 1 if self._share == 1 else random.expovariate(self._share)
