class RetryBudget:
    """Lets one call in ten be made a second time, and `reserve` of them at once: when everything
    fails, retries must not double the load that it fails under."""

    def __init__(self, reserve: int) -> None:
        self._reserve = float(reserve)
        self._left = self._reserve

    def called(self) -> None:
        self._left = min(self._reserve, self._left + 0.1)

    def take(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True
