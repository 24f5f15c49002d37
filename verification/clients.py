"""Many HTTP/1.1 clients in one process, for the thundering-herd test.

They use epoll directly, with one write and one read for each request. An event loop's transports
would take a large part of the machine from the service under test.
"""

import gc
import pickle
import select
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_PORT_IN_CONNECT = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen once the peer is known
_BURST = 64  # requests that are sent between two looks for answers
_NEVER = float("inf")


@dataclass(frozen=True, kw_only=True)
class ThunderingHerd:
    """`clients` connect to 127.0.0.1:`port`, `ramp` of them a second. When all are connected they
    send at once, each for one of `paths`, `rounds` times on the same connection."""

    port: int
    paths: Sequence[str]
    clients: int
    rounds: int = 1
    ramp: float = 10_000.0
    limit: float = 60.0  # seconds, from the first request on


@dataclass
class ClientOutcomes:
    """Of one process. Times are seconds of the clock that all processes share; `answered` is
    infinite for a request without a response."""

    opened: int = 0
    ok: int = 0
    bad_status: int = 0
    errors: int = 0  # connections that were refused, reset, or closed before an answer
    cpu: float = 0.0  # seconds
    sent: "array[float]" = field(default_factory=lambda: array("d"))
    answered: "array[float]" = field(default_factory=lambda: array("d"))


class _Client:
    __slots__ = ("connection", "left", "partial", "request", "sent")

    def __init__(self, connection: socket.socket, path: str, rounds: int) -> None:
        self.connection = connection
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.left = rounds
        self.sent = _NEVER
        self.partial = b""


class Clients:
    """Clients number `first` to `first + count - 1` of a herd, connecting from `source`."""

    def __init__(self, herd: ThunderingHerd, first: int, count: int, source: str) -> None:
        self.outcome = ClientOutcomes()
        self._herd = herd
        self._first = first
        self._count = count
        self._source = source
        self._epoll = select.epoll()
        self._open: dict[int, _Client] = {}  # by file descriptor
        self._waiting = 0  # those of them that have not asked for all, or not got it
        gc.disable()  # nothing here is cyclic, and a pause would count as the service's

    def connect(self) -> None:
        began = time.monotonic()
        ramp = self._herd.ramp * self._count / self._herd.clients
        deadline = began + self._count / ramp + 10
        started, settled = 0, 0
        while settled < self._count and time.monotonic() < deadline:
            while started < min(self._count, (time.monotonic() - began) * ramp):
                settled += not self._start(self._first + started)
                started += 1
            for descriptor, _events in self._epoll.poll(0.002):
                self._connected(self._open[descriptor])
                settled += 1

    def send(self) -> None:
        """All stay connected until the last response, as a load balancer's connections do."""
        deadline = time.monotonic() + self._herd.limit
        self._waiting = len(self._open)
        for number, client in enumerate(list(self._open.values())):
            if client.connection.fileno() >= 0:  # else the service closed it while it waited
                self._send(client)
            if number % _BURST == 0:
                self._receive(0)
        while self._waiting and time.monotonic() < deadline:
            self._receive(0.1)
        for client in list(self._open.values()):
            self._leave(client)
        self._epoll.close()
        self.outcome.cpu = time.process_time()

    def _start(self, number: int) -> bool:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.IPPROTO_IP, _PORT_IN_CONNECT, 1)
            connection.bind((self._source, 0))
            with suppress(BlockingIOError):
                connection.connect(("127.0.0.1", self._herd.port))
        except OSError:
            connection.close()
            self.outcome.errors += 1
            return False
        path = self._herd.paths[number % len(self._herd.paths)]
        self._open[connection.fileno()] = _Client(connection, path, self._herd.rounds)
        self._epoll.register(connection, select.EPOLLOUT)
        return True

    def _connected(self, client: _Client) -> None:
        if client.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return self._fail(client)
        self.outcome.opened += 1
        self._epoll.modify(client.connection, select.EPOLLIN)

    def _send(self, client: _Client) -> None:
        client.sent = time.monotonic()
        try:
            client.connection.send(client.request)
        except OSError:  # reset, or still not connected
            self._fail(client)

    def _receive(self, wait: float) -> None:
        for descriptor, _events in self._epoll.poll(wait, 1024):
            client = self._open[descriptor]
            try:
                data = client.partial + client.connection.recv(65536)
            except OSError:
                data = client.partial
            if len(data) == len(client.partial) or client.sent == _NEVER:
                self._fail(client)
            elif _is_whole(data):
                self._answered(client, data)
            else:
                client.partial = data

    def _answered(self, client: _Client, data: bytes) -> None:
        self.outcome.sent.append(client.sent)
        self.outcome.answered.append(time.monotonic())
        client.sent, client.partial = _NEVER, b""
        if data[9:10] in b"23":
            self.outcome.ok += 1
        else:
            self.outcome.bad_status += 1
        client.left -= 1
        if client.left:
            self._send(client)
        else:
            self._waiting -= 1

    def _fail(self, client: _Client) -> None:
        if client.left:
            self.outcome.errors += 1
            self._waiting -= 1
        self._leave(client)

    def _leave(self, client: _Client) -> None:
        if client.sent != _NEVER:
            self.outcome.sent.append(client.sent)
            self.outcome.answered.append(_NEVER)
        del self._open[client.connection.fileno()]
        client.connection.close()


def main() -> None:
    """One process of `verification.client_processes`: standard input has the clients' numbers,
    then the byte that starts their requests."""
    clients = Clients(*pickle.load(sys.stdin.buffer))
    clients.connect()
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
    if sys.stdin.buffer.read(1):
        clients.send()
        pickle.dump(clients.outcome, sys.stdout.buffer)


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    _, named, rest = answer[:end].lower().partition(b"\r\ncontent-length:")
    return not named or len(answer) - end - 4 >= int(rest.partition(b"\r\n")[0])
