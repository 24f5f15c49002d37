"""Who of the fleet the load balancer sends requests to."""

from collections import Counter
from collections.abc import Sequence

from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.poll_policy import ROLLOUT


def wait_until_healthy(account: Account, groups: Sequence[str]) -> int:
    """How many are."""
    states: Counter[str] = Counter()
    for _ in ROLLOUT.attempts():
        states = sum((targets(account, group) for group in groups), Counter[str]())
        if states and set(states) == {"healthy"}:
            return states["healthy"]
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    raise DeployError(f"The load balancer's targets are not all healthy: {told}.")


def targets(account: Account, group: str) -> Counter[str]:
    """State → how many there are; those that leave are not counted."""
    found = account.client("elbv2").describe_target_health(TargetGroupArn=group)
    states = [target["TargetHealth"]["State"] for target in found["TargetHealthDescriptions"]]
    return Counter(state for state in states if state != "draining")
