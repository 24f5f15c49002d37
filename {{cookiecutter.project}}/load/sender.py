"""The generator's process: raw HTTP/1.1, as a client library takes more CPU than the service."""

import asyncio
import gc
import pickle
import random
import sys
import time
from array import array
from itertools import cycle, islice

import uvloop

from load.generator import FOREIGN, NEVER, REFUSED, RESET, TIMEOUT, LoadPlan, Outcomes, RequestSpec

_TICK = 0.001  # seconds between two looks for requests that are due
_BLOCK = 65_536  # bytes of one read


class Sender:
    def __init__(self, load: LoadPlan) -> None:
        self._load = load
        self._sent, self._ended, self._total = 0, 0, int(load.rate * load.seconds)
        specs = [n for n, spec in enumerate(load.requests) for _ in range(spec.share)]
        random.Random(len(specs)).shuffle(specs)
        self._outcomes = Outcomes(
            load.requests,
            due=array("d", (n / load.rate for n in range(self._total))),
            took=array("d", [NEVER]) * self._total,
            late=array("d", [0.0]) * self._total,
            status=array("H", [TIMEOUT]) * self._total,
            spec=array("B", islice(cycle(specs), self._total)),
        )
        self._next_path = [cycle(spec.paths) for spec in load.requests]
        self._queue = asyncio.Queue[int]()  # requests that are due
        self._connections = self._idle = 0  # opened or being opened; without a request
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        for _ in range(self._load.connections):
            self._connect()
        while self._idle < self._connections:  # noqa: ASYNC110 (counts; no one event is awaited)
            await asyncio.sleep(_TICK)

    async def send_all(self, began: float) -> Outcomes:
        """Returns when each request has ended."""
        outcomes = self._outcomes
        outcomes.due = array("d", (began + due for due in outcomes.due))
        while self._ended < self._total:
            now = time.monotonic()
            while self._sent < self._total and outcomes.due[self._sent] <= now:
                outcomes.late[self._sent] = now - outcomes.due[self._sent]
                self._queue.put_nowait(self._sent)
                self._sent += 1
                self._connect_if_needed()
            await asyncio.sleep(_TICK)
        for column in outcomes.columns():
            del column[self._sent :]
        return outcomes

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._total = self._sent

    def _connect_if_needed(self) -> None:
        needed = self._queue.qsize() > self._idle
        if needed and self._connections < self._load.max_connections:
            self._connect()

    def _connect(self) -> None:
        self._connections += 1
        self._tasks.add(task := asyncio.ensure_future(self._connection()))
        task.add_done_callback(self._tasks.discard)

    async def _connection(self) -> None:
        try:
            streams = await asyncio.open_connection("127.0.0.1", self._load.port, limit=_BLOCK)
        except OSError:
            if not self._queue.empty():
                self._end(self._queue.get_nowait(), REFUSED)
        else:
            while await self._send_next(*streams):
                pass
            streams[1].transport.abort()
        self._connections -= 1
        self._connect_if_needed()

    async def _send_next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection can be used again."""
        self._idle += 1
        number = await self._queue.get()
        self._idle -= 1
        if reader.at_eof():  # closed while it was idle
            self._queue.put_nowait(number)
            return False
        left = self._outcomes.due[number] + self._load.timeout - time.monotonic()
        status = TIMEOUT
        try:
            if left > 0:
                async with asyncio.timeout(left):
                    status = await self._exchange(reader, writer, number)
        except TimeoutError:
            left = 0.0
        except OSError:
            status = RESET
        self._end(number, status)
        return status != RESET and (status != TIMEOUT or left < 0) and not writer.is_closing()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> int:
        spec = self._outcomes.spec[number]
        path = next(self._next_path[spec])
        writer.write(_request(self._load.requests[spec], path, number))
        response = await reader.read(_BLOCK)
        while not _is_whole(response):
            more = await reader.read(_BLOCK)
            if not more:
                return RESET
            response += more
        head = response[: response.find(b"\r\n\r\n")].lower()
        if _header(head, b"connection") == b"close":
            writer.close()
        given = _header(head, b"x-request-id")
        foreign = given is not None and given != b"load-%d" % number
        return FOREIGN if foreign else int(response[9:12])

    def _end(self, number: int, status: int) -> None:
        self._ended += 1
        self._outcomes.status[number] = status
        if status != TIMEOUT:
            self._outcomes.took[number] = time.monotonic() - self._outcomes.due[number]


def _request(spec: RequestSpec, path: str, number: int) -> bytes:
    body = spec.body.replace("{n}", str(number)).encode()
    given = {"Host": "127.0.0.1", "X-Request-ID": f"load-{number}", **spec.headers}
    if body:
        given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{spec.method} {path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given)]
    return "\r\n".join([*lines, "\r\n"]).replace("{n}", str(number)).encode() + body


def _is_whole(response: bytes) -> bool:
    end = response.find(b"\r\n\r\n")
    if end < 0 or response[9:12] in (b"204", b"304"):
        return end >= 0
    length = _header(response[:end].lower(), b"content-length")
    if length is None:
        return response.endswith(b"0\r\n\r\n")  # chunked
    return len(response) - end - 4 >= int(length)


def _header(head: bytes, name: bytes) -> bytes | None:
    _, found, rest = head.partition(b"\r\n%b:" % name)
    return rest.partition(b"\r\n")[0].strip() if found else None


async def _serve() -> None:
    sender = Sender(pickle.load(sys.stdin.buffer))
    await sender.connect()
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
    began = pickle.load(sys.stdin.buffer)
    # A byte, or the end of the parent process, ends the sending.
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), sender.stop)
    gc.disable()  # a pause would count as the service's
    pickle.dump(await sender.send_all(began), sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
