from dataclasses import dataclass
from decimal import Decimal

from stackkit.plan.plan import Plan
from stackkit.settings.config import Config

# `make runbooks` writes them there, seen from the project
RUNBOOKS = "infra/runbooks"


@dataclass(frozen=True)
class AlarmContext:
    """The stack's settings and plan, and what alarms and dashboard derive from both."""

    settings: Config
    numbers: Plan

    @property
    def runbooks(self) -> str:
        """Where the runbooks are read."""
        return self.settings.runbooks_url or RUNBOOKS

    @property
    def budget_percent(self) -> float:
        """The share of answers that may fail."""
        return float(100 - Decimal(self.settings.availability_objective))

    @property
    def latency_s(self) -> float:
        """What 99 of 100 answers take at most."""
        return self.settings.latency_objective_ms / 1000 or self.deadline_s / 2

    @property
    def deadline_s(self) -> int:
        return self.numbers.timeouts.request.value

    def burning(self, factor: float) -> float:
        """The share of failures that spends the budget `factor` times too fast, in percent."""
        return round(factor * self.budget_percent, 4)
