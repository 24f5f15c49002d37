"""What both kinds of fleet can be asked for."""

from typing import Protocol


class Rollout(Protocol):
    def wait(self) -> None:
        """Until the new version runs everywhere; `DeployError` if it was taken back or is stuck."""
        ...

    def evidence(self) -> list[str]:
        """What AWS and the service say about the last minutes."""
        ...
