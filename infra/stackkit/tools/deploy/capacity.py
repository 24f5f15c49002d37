"""AWS had no machine to give: not the build's fault, and a second try may do."""

import re
from collections.abc import Sequence

from stackkit.tools.deploy.errors import DeployError

_LACKING = re.compile(
    r"capacity is unavailable|insufficient\w* (instance )?capacity|InsufficientInstanceCapacity"
    r"|not have sufficient .* capacity|UnfulfillableCapacity|no spot capacity",
    re.IGNORECASE,
)
SENTENCE = (
    "AWS has no capacity for it now: try again, or use other zones, less Spot (spot_percent) or"
    " other instance types."
)


def failure(sentence: str, evidence: Sequence[str]) -> DeployError:
    lacking = any(_LACKING.search(line) for line in evidence)
    return DeployError(f"{sentence} {SENTENCE}" if lacking else sentence, evidence)
