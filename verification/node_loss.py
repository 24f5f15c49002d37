"""The node-loss test: which requests fail when a node ends suddenly."""

import secrets
import time
from dataclasses import dataclass

from load.generator import NEVER, LoadPlan, Sending
from load.workload import waiting
from verification.nodes import DELAY, NodeGroup
from verification.outcomes import ObservedRequests

_MOMENT = 0.05  # seconds in which the node was dying


@dataclass(frozen=True, kw_only=True)
class NodeLoss:
    """Requests that waited for an upstream while a node was killed."""

    node: str
    requests: int
    held: int  # by the node when it was killed
    lost: int  # of all, and for whatever reason
    others: int  # of the lost: those that the node can't have held (due later, or answered before)
    outcomes: dict[str, int]

    @property
    def only_its_own(self) -> bool:
        """The node may have received a few more between the count and its end."""
        return not self.others and self.lost <= self.held + 3

    def describe(self) -> str:
        outcomes = ", ".join(f"{count:,} {end}" for end, count in sorted(self.outcomes.items()))
        return (
            f"{self.node} held {self.held} of {self.requests:,} requests when it was killed:"
            f" {self.lost} lost, {self.others} of them not its own ({outcomes})"
        )


def of_one(fleet: NodeGroup, rate: float, seconds: float) -> NodeLoss:
    """Kills the second node halfway, all of its processes at once."""
    node = fleet.nodes[1]
    requests = waiting(secrets.token_hex(4))
    load = LoadPlan(port=fleet.balancer.port, requests=requests, rate=rate, seconds=seconds)
    with Sending(load) as under_way:
        time.sleep(max(0.0, under_way.began + seconds / 2 - time.monotonic()))
        held = fleet.balancer.in_flight(node.name)
        killed = time.monotonic()
        node.kill()
        outcome = ObservedRequests(under_way.outcomes())
    lost = [n for n, end in enumerate(outcome.status) if end != 200]
    return NodeLoss(
        node=node.name,
        requests=len(outcome),
        held=held,
        lost=len(lost),
        others=sum(not _in_flight(outcome, n, killed) for n in lost),
        outcomes=outcome.counts(),
    )


def _in_flight(outcome: ObservedRequests, number: int, killed: float) -> bool:
    due, took = outcome.due[number], outcome.took[number]
    ended = due + took if took < NEVER else NEVER
    return killed - DELAY - _MOMENT <= due <= killed + _MOMENT and ended >= killed
