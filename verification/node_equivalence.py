"""The node-equivalence test: any node serves any request, and learns of each write."""

import itertools
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage

from load.workload import OUTDATED

LATEST = 100.0  # milliseconds until every node knows of a write
_GIVE_UP = 2_000.0  # milliseconds


@dataclass
class EquivalenceCount:
    requests: int = 0
    wrong: int = 0


@dataclass(frozen=True)
class NodeResponse:
    status: int
    headers: HTTPMessage
    body: bytes


@dataclass
class NodeClient:
    """Of one node, on one keep-alive connection."""

    port: int
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=10)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> NodeResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = json.dumps(body).encode() if body else None
        if sent:
            given["Content-Type"] = "application/json"
        self.connection.request(method, path, sent, given)
        response = self.connection.getresponse()
        return NodeResponse(response.status, response.headers, response.read())


def any_node(ports: Sequence[int]) -> EquivalenceCount:
    """Each pair of nodes: what one has made, the other reads, repeats, changes and deletes."""
    count = EquivalenceCount()
    with _pairs(ports) as pairs:
        for good in itertools.chain.from_iterable(itertools.starmap(_life_of_an_item, pairs)):
            count.requests += 1
            count.wrong += not good
    return count


def _life_of_an_item(first: NodeClient, second: NodeClient) -> Iterator[bool]:
    item, key = {"name": "tea", "price_cents": 350}, secrets.token_hex(16)
    made = first.send("POST", "/items", item, Idempotency_Key=key)
    yield made.status == 201
    path = made.headers["Location"]
    again = second.send("POST", "/items", item, Idempotency_Key=key)
    yield (again.status, again.body) == (201, made.body)
    read = second.send("GET", path)
    yield (read.status, read.headers["ETag"]) == (200, made.headers["ETag"])
    yield second.send("GET", path, If_None_Match=made.headers["ETag"]).status == 304
    yield second.send("PATCH", path, {"price_cents": 1}, If_Match=OUTDATED).status == 412
    changed = second.send("PATCH", path, {"price_cents": 1}, If_Match=made.headers["ETag"])
    yield changed.status == 200
    yield first.send("PATCH", path, {"price_cents": 2}, If_Match=made.headers["ETag"]).status == 412
    data = [node.send("GET", f"/data/{key}") for node in (first, second)]
    yield data[0].status == 200
    yield json.loads(data[1].body)["data"] == json.loads(data[0].body)["data"]
    yield first.send("DELETE", path).status == 204


def invalidation(ports: Sequence[int], writes: int) -> list[float]:
    """Milliseconds from a write's answer until another node, which had the item in memory, serves
    the new one; sorted, `writes` of them for each pair of nodes."""
    item = {"name": "tea", "price_cents": 1}
    took = []
    with _pairs(ports) as pairs:
        for writer, reader in pairs:
            path = writer.send("POST", "/items", item).headers["Location"]
            for price in range(2, writes + 2):
                reader.send("GET", path)  # it is in the reader's memory now
                etag = writer.send("PATCH", path, {"price_cents": price}).headers["ETag"]
                took.append(_until(reader, path, etag))
    return sorted(took)


@contextmanager
def _pairs(ports: Sequence[int]) -> Iterator[Iterator[tuple[NodeClient, NodeClient]]]:
    with ExitStack() as opened:
        clients = [NodeClient(port) for port in ports]
        for client in clients:
            opened.callback(client.connection.close)
        yield itertools.permutations(clients, 2)


def _until(reader: NodeClient, path: str, etag: str) -> float:
    began = time.perf_counter()
    while True:
        seen = reader.send("GET", path).headers["ETag"]
        passed = (time.perf_counter() - began) * 1000
        if seen == etag or passed > _GIVE_UP:
            return passed
