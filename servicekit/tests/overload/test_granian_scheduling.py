"""Requests enter the event loop a few at a time, and none is lost."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.types import Scope

from servicekit.dev.processes import free_port
from servicekit.http.rsgi import Ended, RsgiService
from servicekit.overload.granian_scheduling import AdmissionQueue, was_queued
from servicekit.server.launch import GRANIAN
from servicekit.testing.waiting import HANG, until
from servicekit.tests.clock import ManualClock
from servicekit.tests.overload.granian import RsgiRequest, hand_over
from servicekit.tests.served import wait_for


async def turns_until(done: Callable[[], bool], work: Callable[[], object] = bool) -> None:
    for _ in range(10_000):
        if done():
            return
        work()
        await asyncio.sleep(0)
    pytest.fail("not done after 10,000 turns")


async def test_queue_starts_a_few_requests_in_each_turn_in_their_order() -> None:
    loop = asyncio.get_running_loop()
    entered: list[int] = []
    async with AdmissionQueue(lambda: False).lifespan():
        for number in range(1_000):
            hand_over(loop, entered.append, number)
        turns = 0
        while len(entered) < 1_000:
            before = len(entered)
            await asyncio.sleep(0)
            turns += 1
            assert len(entered) - before <= 16
    assert entered == list(range(1_000))
    assert turns >= 1_000 / 16


async def test_request_at_capacity_bypasses_the_admission_queue() -> None:
    loop = asyncio.get_running_loop()
    entered: list[tuple[str, bool]] = []

    def enter(name: str) -> None:
        entered.append((name, was_queued.get()))

    full = False
    queue = AdmissionQueue(lambda: full)
    async with queue.lifespan():
        for _ in range(1_000):
            hand_over(loop, enter, "early")
        full = True
        for _ in range(1_000):
            hand_over(loop, enter, "late")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(queue) >= 1_000 - 32
        assert entered.count(("late", False)) == 1_000
        await turns_until(lambda: not queue)
    await asyncio.sleep(0)
    assert entered.count(("early", True)) == 1_000
    assert not was_queued.get()


async def test_expected_wait_is_the_queue_times_the_seconds_of_each() -> None:
    loop = asyncio.get_running_loop()
    clock = ManualClock()
    queue = AdmissionQueue(lambda: False, clock)
    async with queue.lifespan():
        for _ in range(3_000):
            hand_over(loop, clock.advance, 0.5)
        await turns_until(lambda: len(queue) <= 1_000)
        expected, begun = queue.wait(), clock()
        await turns_until(lambda: not queue)
        assert expected == pytest.approx(clock() - begun, rel=0.05)
    assert queue.wait() == 0


async def test_busy_loop_pauses_for_requests_that_bypass_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    default = sys.getswitchinterval()
    entered_during_pause: list[bool] = []
    sleep, over, arrived = time.sleep, threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        assert seconds < 0.0001
        arrived.clear()
        entered_during_pause.append(arrived.wait(0 if over.is_set() else HANG))

    def busy() -> None:
        """For longer than the loop goes on without a pause."""
        busy_until = time.monotonic() + 0.006
        while time.monotonic() < busy_until:
            pass

    def send_requests() -> None:
        while not over.is_set():
            hand_over(loop, int)
            arrived.set()
            sleep(0)  # gives the interpreter away

    monkeypatch.setattr(time, "sleep", pause)
    queue = AdmissionQueue(lambda: True)
    async with queue.lifespan():
        assert sys.getswitchinterval() == pytest.approx(0.001)
        sys.setswitchinterval(10)  # so that requests enter only while the loop pauses or waits
        thread = threading.Thread(target=send_requests, daemon=True)
        thread.start()
        try:
            entered_during_pause.clear()
            await turns_until(lambda: entered_during_pause.count(True) >= 10, busy)
        finally:
            over.set()
            await asyncio.to_thread(thread.join)
        await until(lambda: not queue._pausing)  # without a request for a while
    assert sys.getswitchinterval() == default


async def test_nothing_is_lost_between_threads_nor_at_the_end() -> None:
    loop = asyncio.get_running_loop()
    entered: list[int] = []

    def send_requests() -> None:
        for number in range(5_000):
            hand_over(loop, entered.append, number)
            if number % 100 == 0:
                time.sleep(0.0001)

    async with AdmissionQueue(lambda: False).lifespan():
        threads = [threading.Thread(target=send_requests) for _ in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        for number in range(100):
            hand_over(loop, entered.append, number)
    assert "call_soon_threadsafe" not in vars(loop)
    for _ in range(20_100):  # turns: more than all can need
        await asyncio.sleep(0)
    assert len(entered) == 20_100


async def test_call_that_is_no_request_bypasses_the_queue_and_can_be_cancelled() -> None:
    loop = asyncio.get_running_loop()
    entered: list[str] = []
    async with AdmissionQueue(lambda: False).lifespan():
        for _ in range(100):
            hand_over(loop, entered.append, "request")
        loop.call_soon_threadsafe(entered.append, "cancelled").cancel()
        loop.call_soon_threadsafe(entered.append, "other")
        await turns_until(lambda: len(entered) == 101)
    assert entered.index("other") <= 32
    assert entered.count("request") == 100
    assert "cancelled" not in entered


class _Early:
    """Responds to a request by its name."""

    def __init__(self) -> None:
        self.known: set[str] = set()  # in memory
        self.ended: list[Ended] = []  # of requests that wait for a load

    def from_memory(self, request: Any, reply: Any) -> bool:
        if request in self.known:
            reply("from memory")
        return request in self.known

    def rejected(self, request: Any, reply: Any) -> bool:
        if request != "/health":
            reply("rejected")
        return request != "/health"

    def after_load(self, request: Any, reply: Any, ended: Ended) -> bool:
        if request == "loading":
            self.ended.append(ended)
        return request == "loading"


async def test_response_from_memory_needs_no_turn_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    begun: list[str] = []
    queue = AdmissionQueue(lambda: False)
    async with queue.lifespan():
        queue.early = early = _Early()
        early.known.add("hot")
        hot = RsgiRequest(loop, "hot", begun)
        assert hot.replies == ["from memory"]
        assert hot.is_over
        other = RsgiRequest(loop, "other", begun)
        late = RsgiRequest(loop, "hot", begun)
        assert late.replies == []  # not before the request that came earlier
        await turns_until(lambda: late.is_over)
    assert begun == ["other"]
    assert other.is_over
    assert late.replies == ["from memory"]


async def test_worker_at_capacity_rejects_what_memory_does_not_hold() -> None:
    loop = asyncio.get_running_loop()
    begun: list[str] = []
    queue = AdmissionQueue(lambda: True)
    async with queue.lifespan():
        queue.early = early = _Early()
        early.known.add("hot")
        hot, cold, health = (RsgiRequest(loop, n, begun) for n in ("hot", "cold", "/health"))
        assert (hot.replies, cold.replies) == (["from memory"], ["rejected"])
        assert hot.is_over
        assert cold.is_over
        await turns_until(lambda: health.is_over)
    assert begun == ["/health"]


@pytest.mark.parametrize("queued", [False, True])
async def test_error_of_an_early_response_leaves_the_request_to_the_layers(
    caplog: pytest.LogCaptureFixture, queued: bool
) -> None:
    loop = asyncio.get_running_loop()
    begun: list[str] = []
    queue = AdmissionQueue(lambda: not queued)
    async with queue.lifespan():
        queue.early = _Broken()
        requests = [RsgiRequest(loop, name, begun) for name in ("first", "second")]
        await turns_until(lambda: all(request.is_over for request in requests))
    assert begun == ["first", "second"]
    assert {record.message for record in caplog.records} == {"the fast path failed"}


class _Broken(_Early):
    def from_memory(self, request: Any, reply: Any) -> bool:
        raise ValueError

    rejected = from_memory

    def after_load(self, request: Any, reply: Any, ended: Ended) -> bool:
        raise ValueError


@pytest.mark.parametrize("route, expected", [("/items/{id}", []), (None, ["loading"])])
async def test_request_that_waits_for_a_load_begins_only_if_the_load_gave_it_no_response(
    route: str | None, expected: list[str]
) -> None:
    loop = asyncio.get_running_loop()
    begun: list[str] = []
    queue = AdmissionQueue(lambda: False)
    async with queue.lifespan():
        queue.early = early = _Early()
        waiting = RsgiRequest(loop, "loading", begun)
        await turns_until(lambda: bool(early.ended))
        assert not waiting.is_over
        early.ended[0](route)
        assert waiting.is_over
    assert begun == expected


@pytest.fixture(scope="module", params=["asgi", "rsgi"])
def granian(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of Granian with `service`."""
    port = free_port()
    settings = {**os.environ, **GRANIAN, "GRANIAN_FACTORY": "false", "GRANIAN_PORT": str(port)}
    settings |= {"GRANIAN_INTERFACE": request.param, "GRANIAN_HOST": "127.0.0.1"}
    command = [sys.executable, "-m", "granian", f"{__name__}:service"]
    with subprocess.Popen(command, env=settings, text=True) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.slow("starts Granian")
def test_requests_of_granian_are_queued(granian: str) -> None:
    """Granian hands each over as a coroutine with a context, by which the queue recognises it."""
    assert httpx.get(granian).text == "True"
    # What wakes a request, as its body does, keeps to the request's own context.
    assert httpx.post(granian, content=b"body").status_code == 200


@pytest.mark.slow("starts Granian")
@pytest.mark.parametrize("granian", ["rsgi"], indirect=True)
async def test_memory_responds_while_the_event_loop_is_blocked(
    granian: str, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    async with httpx.AsyncClient(base_url=granian, timeout=2 * HANG) as client:
        blocking = asyncio.create_task(client.get(f"/block?{blocked}"))
        await until(blocked.exists)
        assert (await client.get("/release")).text == "from memory"
        assert (await blocking).text == "True"


_inside = ContextVar("inside", default=False)
_queue = AdmissionQueue(lambda: False)
_released = threading.Event()


class _QueuedOrNot:
    """Answers whether the request was queued."""

    @property
    def app(self) -> Any:
        return self

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with _queue.lifespan():
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        if scope["type"] == "http" and scope["path"] == "/block":
            _block(Path(scope["query_string"].decode()))
        outside = _inside.set(True)
        if scope["type"] == "http" and scope["method"] == "POST":
            await receive()
        _inside.reset(outside)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(was_queued.get()).encode()})


def _block(blocked: Path) -> None:
    """Blocks the event loop until /release is asked for."""
    blocked.touch()
    assert _released.wait(HANG)


class _FromMemory:
    """Has the response to /release."""

    def starts_by_rsgi(self) -> None:
        _queue.early = self

    async def respond(self, request: Any, reply: Any) -> None:
        """Leaves the request to the service."""

    def from_memory(self, request: Any, reply: Any) -> bool:
        if request.path != "/release":
            return False
        reply(200, [], b"from memory")
        _released.set()
        return True

    def rejected(self, request: Any, reply: Any) -> bool:
        return False

    def after_load(self, request: Any, reply: Any, ended: Ended) -> bool:
        return False


service = RsgiService(_QueuedOrNot(), _FromMemory())
