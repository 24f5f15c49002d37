"""An open-loop load generator: requests are due at a constant rate, answered or not.

Clients that wait for an answer before they ask again ask a slow service less, and so make it look
faster than it is. Here each request has its moment, and its latency counts from that moment.
"""

import pickle
import subprocess
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

NEVER = float("inf")
# In place of an HTTP status: no response in time, a connection that ended before its response did,
# no connection, and the response to another request.
TIMEOUT, RESET, REFUSED, FOREIGN = range(4)


@dataclass(frozen=True)
class RequestSpec:
    """One of `paths` after the other, in `share` of all requests. In a path, a header or the body,
    `{n}` stands for the request's number. Other statuses than `expected` are errors."""

    name: str
    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    share: int = 1
    expected: Sequence[int] = (200,)


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What to send to 127.0.0.1."""

    port: int
    requests: Sequence[RequestSpec]
    rate: float  # requests per second
    seconds: float
    connections: int = 100  # opened before the first request
    max_connections: int = 5_000  # more are opened when none is idle
    timeout: float = 15.0  # seconds


@dataclass
class Outcomes:
    """One entry of each array per request, in the order in which the requests were due. Times are
    seconds of the monotonic clock, which all processes of a machine share."""

    requests: Sequence[RequestSpec]
    due: "array[float]"
    took: "array[float]"  # from `due` to the last byte, or NEVER
    late: "array[float]"  # from `due` until it was sent or queued: the generator's own delay
    status: "array[int]"  # of HTTP, or one of the four above
    spec: "array[int]"  # its index in `requests`

    def columns(self) -> "tuple[array[float] | array[int], ...]":
        return self.due, self.took, self.late, self.status, self.spec

    def errors(self) -> int:
        pairs = zip(self.status, self.spec, strict=True)
        return sum(status not in self.requests[spec].expected for status, spec in pairs)


def percentile(values: Sequence[float], percent: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] if ranked else NEVER


class Sending:
    """A load under way in a process of its own; the first request is due at `began`."""

    def __init__(self, load: LoadPlan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "load.sender"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the parent alone
        )
        self._put(pickle.dumps(load))
        assert self._process.stdout
        self._stdout = self._process.stdout
        self._stdout.read(1)  # all connections are open
        self.began = time.monotonic() + 0.05
        self._put(pickle.dumps(self.began))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        """Sends no more requests; those under way are waited for."""
        self._put(b"!")

    def outcomes(self) -> Outcomes:
        """Waits until each request has ended."""
        return pickle.load(self._stdout)

    def _put(self, message: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(message)
        self._process.stdin.flush()


def send(load: LoadPlan) -> Outcomes:
    with Sending(load) as under_way:
        return under_way.outcomes()
