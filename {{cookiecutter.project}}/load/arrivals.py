"""Requests that are due at a constant rate, whether or not earlier ones were answered.

Clients that wait for an answer before they ask again ask a slow service less, and so make it look
faster than it is. Here each request has its moment, and its latency counts from then on.
"""

import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from load.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One of `paths` after the other, in `share` of each hundred or so requests. `{n}` in a path,
    a header or the body stands for the request's number."""

    name: str
    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    share: int = 1


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    port: int
    asks: Sequence[Ask]
    rate: float  # requests per second
    seconds: float
    connections: int = 100  # kept alive from before the first request on
    most_connections: int = 5_000  # others are opened when none is idle
    limit: float = 15.0  # seconds after which a request counts as never served
    label: str = "load"  # how the requests' ids begin


class Load:
    """Arrivals under way in a process of their own; the first is due at `began`."""

    def __init__(self, arrivals: Arrivals, child: "subprocess.Popen[bytes]") -> None:
        self._arrivals = arrivals
        self._child = child
        self.began = 0.0

    def begin(self) -> None:
        """Returns once all connections are open and the first request is a moment away."""
        assert self._child.stdin
        assert self._child.stdout
        pickle.dump(self._arrivals, self._child.stdin)
        self._child.stdin.flush()
        self._child.stdout.read(1)
        self.began = time.monotonic() + 0.05
        pickle.dump(self.began, self._child.stdin)
        self._child.stdin.flush()

    def stop(self) -> None:
        """No more requests are sent; those under way are waited for."""
        assert self._child.stdin
        self._child.stdin.write(b"!")
        self._child.stdin.flush()

    def outcome(self) -> Outcome:
        """Waits until each request has ended."""
        assert self._child.stdout
        return pickle.load(self._child.stdout)


@contextmanager
def arriving(arrivals: Arrivals) -> Iterator[Load]:
    child = subprocess.Popen(
        [sys.executable, "-m", "load.caller"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches us alone
    )
    try:
        load = Load(arrivals, child)
        load.begin()
        yield load
    finally:
        child.kill()
        child.communicate()


def run(arrivals: Arrivals) -> Outcome:
    with arriving(arrivals) as load:
        return load.outcome()
