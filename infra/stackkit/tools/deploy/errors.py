"""What ends a delivery that has begun: a sentence, and the lines that show why."""

import re
from collections.abc import Sequence

_LACKING = re.compile(
    r"capacity is unavailable|insufficient\w* (instance )?capacity|InsufficientInstanceCapacity"
    r"|not have sufficient .* capacity|UnfulfillableCapacity|no spot capacity",
    re.IGNORECASE,
)
SENTENCE = (
    "AWS has no capacity for it now: try again, or use other zones, less Spot (spot_percent) or"
    " other instance types."
)


class DeployError(Exception):
    def __init__(self, sentence: str, evidence: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.evidence = tuple(evidence)


def failure(sentence: str, evidence: Sequence[str]) -> DeployError:
    """The error, with advice where AWS had no machine to give: then the build is not at fault."""
    lacking = any(_LACKING.search(line) for line in evidence)
    return DeployError(f"{sentence} {SENTENCE}" if lacking else sentence, evidence)
