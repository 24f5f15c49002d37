"""What ends a delivery that has begun: a sentence, and the lines that show why."""

from collections.abc import Sequence


class DeployError(Exception):
    def __init__(self, sentence: str, evidence: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.evidence = tuple(evidence)
