"""What the sudden end of a node costs."""

import secrets
import time
from dataclasses import dataclass

from load.arrivals import Arrivals, arriving
from load.mix import waiting
from load.outcome import NEVER, Outcome
from verification.nodes import DELAY, Fleet

_MOMENT = 0.05  # seconds in which the node was dying


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Requests that waited for an upstream while a node was killed."""

    node: str
    requests: int
    held: int  # by the node when it was killed
    lost: int  # of all, and for whatever reason
    others: int  # of these, what the node can't have held: due later, or answered before
    ends: dict[str, int]

    @property
    def only_its_own(self) -> bool:
        """It may have got a few more between the count and its end."""
        return not self.others and self.lost <= self.held + 3

    def describe(self) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(self.ends.items()))
        return (
            f"{self.node} held {self.held} of {self.requests:,} requests when it was killed:"
            f" {self.lost} lost, {self.others} of them not its own ({ends})"
        )


def of_one(fleet: Fleet, rate: float, seconds: float) -> Loss:
    """Kills the second node halfway, all of its processes at once."""
    node = fleet.nodes[1]
    mix = waiting(secrets.token_hex(4))
    load = Arrivals(
        port=fleet.balancer.port, asks=[ask for ask, _ in mix.asks], rate=rate, seconds=seconds
    )
    with arriving(load) as under_way:
        time.sleep(max(0.0, under_way.began + seconds / 2 - time.monotonic()))
        held = fleet.balancer.in_flight(node.name)
        killed = time.monotonic()
        node.kill()
        outcome = under_way.outcome()
    lost = [n for n, end in enumerate(outcome.end) if end != 200]
    return Loss(
        node=node.name,
        requests=len(outcome),
        held=held,
        lost=len(lost),
        others=sum(not _in_flight(outcome, n, killed) for n in lost),
        ends=outcome.counts(),
    )


def _in_flight(outcome: Outcome, number: int, killed: float) -> bool:
    due, took = outcome.due[number], outcome.took[number]
    ended = due + took if took < NEVER else NEVER
    return killed - DELAY - _MOMENT <= due <= killed + _MOMENT and ended >= killed
