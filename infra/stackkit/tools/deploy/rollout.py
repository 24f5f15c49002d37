"""What both kinds of fleet can be asked for."""

from typing import Protocol


class Rollout(Protocol):
    def migrate(self, image: str) -> None:
        """Bring the database to the image's revision; `Failure` with the log's tail."""
        ...

    def wait(self) -> None:
        """Until the new version runs everywhere; `Failure` if it was taken back or is stuck."""
        ...

    def evidence(self) -> list[str]:
        """What AWS and the service say about the last minutes."""
        ...
