"""How long a step may take before it counts as stuck."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PollPolicy:
    seconds: float
    pause: float

    def attempts(self) -> Iterator[None]:
        """One at once, then one after each pause, until the time is over."""
        end = time.monotonic() + self.seconds
        yield
        while time.monotonic() < end:
            time.sleep(self.pause)
            yield


# a migration may rewrite a table
MIGRATION = PollPolicy(seconds=3600, pause=5)
# a command ends by itself, or by the hand of a person
COMMAND = PollPolicy(seconds=math.inf, pause=5)
# after `pulumi up`, which waits by itself for up to 20 minutes
ROLLOUT = PollPolicy(seconds=1800, pause=10)
# a new domain takes minutes until everybody can resolve it
PUBLIC = PollPolicy(seconds=600, pause=5)
# where the address may be out of reach for good
RESTRICTED = PollPolicy(seconds=60, pause=5)
