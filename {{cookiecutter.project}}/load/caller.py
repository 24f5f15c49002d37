"""The process that sends arrivals: one event loop, raw HTTP/1.1, no client library.

A library's client takes more of the machine than the service that is measured.
"""

import asyncio
import gc
import pickle
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from typing import cast

import uvloop

from load.arrivals import Arrivals, Ask
from load.outcome import NEVER, End, Outcome
from load.pace import Pace

_TICK = 0.001  # seconds: what is due is looked for so often
_IDLE = -1


class Connection(asyncio.Protocol):
    """Carries one request at a time."""

    __slots__ = ("caller", "number", "received", "transport")

    def __init__(self, caller: "Caller") -> None:
        self.caller = caller
        self.number = _IDLE
        self.received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self.received:
            data = self.received + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or not _is_whole(data, end):
            self.received = data
            return
        self.received = b""
        self.caller.answered(self, int(data[9:12]), data[:end])

    def connection_lost(self, exc: Exception | None) -> None:
        self.caller.lost(self)


class Caller:
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self.outcome = Outcome([ask.name for ask in arrivals.asks])
        self._idle: deque[Connection] = deque()
        self._waiting: deque[int] = deque()  # requests that found no idle connection
        self._busy: dict[int, Connection] = {}
        self._connections = 0  # open, or being opened
        self._opening: set[asyncio.Task[None]] = set()
        self._total = 0
        self._expired = 0  # all requests before this one have ended, or are past their limit
        self._next_ask = cycle(_shuffled(arrivals.asks))
        self._next_path = [cycle(ask.paths) for ask in arrivals.asks]

    async def connect(self) -> None:
        for _ in range(self._arrivals.connections):
            self._open()
        while self._opening:
            await asyncio.wait(self._opening)

    async def call(self, began: float) -> None:
        """Sends all that is due from `began` on, and returns when each request has ended."""
        plan, pace, sent = self._arrivals, Pace(), 0
        self._total = int(plan.rate * plan.seconds)
        while sent < self._total or self._busy or self._waiting:
            now = time.monotonic()
            due = min(self._total, int((now - began) * plan.rate) + 1) if now >= began else 0
            while sent < due:
                self._begin(sent, began + sent / plan.rate)
                sent += 1
            self._expire(now)
            pace.look()
            await asyncio.sleep(_TICK)
        self.outcome.slow = pace.slow_at(self.outcome.due)
        self.outcome.cpu = time.process_time()

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._total = len(self.outcome)

    def _begin(self, number: int, due: float) -> None:
        outcome = self.outcome
        outcome.due.append(due)
        outcome.late.append(time.monotonic() - due)
        outcome.took.append(NEVER)
        outcome.end.append(End.NEVER_SERVED)
        outcome.asked.append(next(self._next_ask))
        if self._idle:
            self._send(self._idle.popleft(), number)
        else:
            self._waiting.append(number)
            self._open()

    def _send(self, connection: Connection, number: int) -> None:
        connection.number = number
        self._busy[number] = connection
        asked = self.outcome.asked[number]
        ask = self._arrivals.asks[asked]
        path = next(self._next_path[asked])
        connection.transport.write(_request(ask, path, self._id(number), number))

    def _id(self, number: int) -> str:
        return f"{self._arrivals.label}-{number}"

    def _open(self) -> None:
        if self._connections >= self._arrivals.most_connections:
            return
        self._connections += 1
        task = asyncio.ensure_future(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self), "127.0.0.1", self._arrivals.port
            )
        except OSError:
            self._connections -= 1
            if self._waiting:
                self._ended(self._waiting.popleft(), End.REFUSED)
        else:
            self._free(connection)

    def _free(self, connection: Connection) -> None:
        if connection.transport.is_closing():
            return
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def answered(self, connection: Connection, status: int, head: bytes) -> None:
        number = connection.number
        if number == _IDLE:  # an answer that nobody asked for
            return connection.transport.abort()
        connection.number = _IDLE
        del self._busy[number]
        lower = head.lower()
        _, named, rest = lower.partition(b"\r\nx-request-id:")
        own = self._id(number).lower().encode()
        foreign = named and rest.partition(b"\r\n")[0].strip() != own
        self._ended(number, End.FOREIGN if foreign else status)
        if b"\r\nconnection: close" in lower:
            connection.transport.close()
        else:
            self._free(connection)

    def lost(self, connection: Connection) -> None:
        self._connections -= 1
        if connection.number == _IDLE:
            with suppress(ValueError):
                self._idle.remove(connection)
        elif self._busy.pop(connection.number, None):
            self._ended(connection.number, End.RESET)
        if self._waiting:
            self._open()

    def _ended(self, number: int, end: int) -> None:
        self.outcome.end[number] = end
        if end != End.NEVER_SERVED:
            self.outcome.took[number] = time.monotonic() - self.outcome.due[number]

    def _expire(self, now: float) -> None:
        due, limit = self.outcome.due, self._arrivals.limit
        while self._expired < len(due) and due[self._expired] + limit < now:
            if connection := self._busy.pop(self._expired, None):
                connection.transport.abort()
            self._expired += 1
        while self._waiting and self._waiting[0] < self._expired:
            self._waiting.popleft()


def _shuffled(asks: Sequence[Ask]) -> list[int]:
    numbers = [number for number, ask in enumerate(asks) for _ in range(ask.share)]
    random.Random(len(numbers)).shuffle(numbers)
    return numbers


def _request(ask: Ask, path: str, request_id: str, number: int) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items())
    body = ask.body.replace("{n}", str(number))
    if body:
        headers += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    head = f"{ask.method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: {request_id}\r\n"
    return (head + headers).replace("{n}", str(number)).encode() + b"\r\n" + body.encode()


def _is_whole(answer: bytes, end: int) -> bool:
    head = answer[:end].lower()
    if answer[9:12] in (b"204", b"304"):
        return True
    _, named, rest = head.partition(b"\r\ncontent-length:")
    if named:
        return len(answer) - end - 4 >= int(rest.partition(b"\r\n")[0])
    return answer.endswith(b"0\r\n\r\n")  # chunked


async def _serve() -> None:
    caller = Caller(pickle.load(sys.stdin.buffer))
    await caller.connect()
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
    began = pickle.load(sys.stdin.buffer)
    # A byte, or the end of whoever started us, ends the sending.
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), caller.stop)
    gc.disable()  # nothing here is cyclic, and a pause would count as the service's
    await caller.call(began)
    pickle.dump(caller.outcome, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
