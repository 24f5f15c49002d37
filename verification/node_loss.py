"""The node-loss test: which requests fail when a node ends suddenly."""

import secrets
import time
from dataclasses import dataclass

from load.generator import NEVER, LoadPlan, Sending
from load.workload import waiting
from servicekit.dev.processes import listens
from verification.nodes import NodeGroup
from verification.outcomes import ObservedRequests

_ON_THE_WAY = 0.05  # seconds from when a request is due until the node has it


@dataclass(frozen=True, kw_only=True)
class NodeLoss:
    """Requests that waited for an upstream while a node was killed."""

    node: str
    requests: int
    held: int  # by the node just before it was killed
    arrived: int  # at any node, from then until it was gone
    lost: int  # of all, and for whatever reason
    others: int  # of the lost: those that the node can't have held (due later, or answered before)
    outcomes: dict[str, int]

    @property
    def only_its_own(self) -> bool:
        return not self.others and self.lost <= self.held + self.arrived

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
        counted = time.monotonic()
        held = fleet.balancer.in_flight(node.name)
        node.kill()
        while listens(node.port):
            time.sleep(0.001)
        gone = time.monotonic()
        outcome = ObservedRequests(under_way.outcomes())
    lost = [n for n, end in enumerate(outcome.status) if end != 200]
    return NodeLoss(
        node=node.name,
        requests=len(outcome),
        held=held,
        arrived=sum(counted - _ON_THE_WAY <= due <= gone for due in outcome.due),
        lost=len(lost),
        others=sum(not _in_flight(outcome, n, counted, gone) for n in lost),
        outcomes=outcome.counts(),
    )


def _in_flight(outcome: ObservedRequests, number: int, counted: float, gone: float) -> bool:
    due, took = outcome.due[number], outcome.took[number]
    ended = due + took if took < NEVER else NEVER
    return due <= gone and ended >= counted
