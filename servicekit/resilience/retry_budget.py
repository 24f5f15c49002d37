class RetryBudget:
    """Allows one retry for every ten calls, and `reserve` retries at once.

    When every call fails, unlimited retries would double the load on the failing server.
    """

    def __init__(self, reserve: int) -> None:
        self._reserve = float(reserve)
        self._left = self._reserve

    def called(self) -> None:
        """Adds a tenth of a retry, up to the reserve."""
        self._left = min(self._reserve, self._left + 0.1)

    def take(self) -> bool:
        """True if a retry is allowed; it is then used up."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
