"""Nodes of the service on this machine, with the same stores and a load balancer before them."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servicekit.dev.processes import service
from servicekit.dev.upstream import StandInUpstream
from verification import PROJECT
from verification.balancer import Balancer, balancing

NODES = 3
DELAY = 0.3  # seconds, of the upstream


@dataclass(frozen=True)
class Node:
    name: str
    port: int
    process: int

    def kill(self) -> None:
        """All of its processes at once, as when its machine is gone."""
        os.killpg(self.process, signal.SIGKILL)


@dataclass(frozen=True)
class NodeGroup:
    balancer: Balancer
    nodes: list[Node]


@contextmanager
def running(folder: Path, urls: Mapping[str, str]) -> Iterator[NodeGroup]:
    with ExitStack() as started:
        upstream = started.enter_context(StandInUpstream.serving(DELAY))
        environment = {**urls, "UPSTREAM_URL": upstream.url, "UPSTREAM_CONNECTIONS": "1000"}
        nodes = []
        for name in (f"node{number}" for number in range(1, NODES + 1)):
            own = folder / name
            own.mkdir()
            port, process = started.enter_context(service(own, environment, PROJECT))
            nodes.append(Node(name, port, process))
        addresses = [(node.name, node.port) for node in nodes]
        yield NodeGroup(started.enter_context(balancing(folder, addresses)), nodes)
