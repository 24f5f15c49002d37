import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from litestar.types import Message, Send
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.database.pool import DatabasePool
from servicekit.http.responses import RawResponse, TextHeaders
from servicekit.http.rsgi import RequestOverAsgi
from servicekit.overload.admission import Admission
from servicekit.overload.granian_scheduling import was_queued
from servicekit.overload.load_shedding import FastRejection, LoadShedding
from servicekit.overload.loop_lag import EventLoopLag
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.metrics import REQUESTS
from servicekit.telemetry.requests import NO_ROUTE, RequestCounters, RequestLog, RequestRecorder
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.testing.waiting import HANG, until
from servicekit.tests.overload.granian import hand_over
from servicekit.tests.served import served


async def test_worker_at_capacity_rejects_requests_but_not_health_checks(
    settings: Settings, upstream: FakeUpstream
) -> None:
    released = upstream.holds("l1")
    patient = replace(with_empty_cache(settings), max_in_flight=2, upstream_timeout=HANG)
    async with serving(create_app(replace(patient, request_timeout=HANG))) as client:
        admitted = [asyncio.create_task(client.get("/data/l1")) for _ in range(2)]
        await until(lambda: upstream.calls["l1"])

        shed = await client.get("/items")
        assert shed.status_code == 503
        assert shed.headers["retry-after"] == "1"
        assert problem_of(shed)["title"] == "Service Unavailable"
        assert (await client.get("/health")).status_code == 200

        released.set()
        assert {answer.status_code for answer in await asyncio.gather(*admitted)} == {200}
        assert (await client.get("/items")).status_code == 200


async def messages_of(
    app: Callable[[Any, Any, Send], Awaitable[None]], method: str = "GET"
) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Message) -> None:
        messages.append(message)

    headers = [(b"x-request-id", b"own-1")]
    scope = {"type": "http", "path": "/", "method": method, "headers": headers, "state": {}}
    scope["query_string"] = b""
    await app(scope, None, send)
    return messages


async def test_queued_requests_count_toward_capacity_and_are_admitted(settings: Settings) -> None:
    admission = Admission(2, timeout=1.0, queueing=True)
    limited = LoadShedding(RawResponse(200, [], b""), admission)
    requests = RequestLog(limited, RequestRecorder(None, AccessLog(settings)))
    async with admission.lifespan():
        assert (await messages_of(requests))[0]["status"] == 200
        for _ in range(2):
            hand_over(asyncio.get_running_loop(), int)
        assert admission.at_capacity()
        assert (await messages_of(requests))[0]["status"] == 503
        queued = was_queued.set(True)
        assert (await messages_of(requests))[0]["status"] == 200
        was_queued.reset(queued)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_fast_rejection_sends_the_bytes_of_load_shedding(
    settings: Settings, method: str
) -> None:
    admission = Admission(0, timeout=1.0, queueing=False)
    limited = LoadShedding(RawResponse(200, [], b""), admission)
    counters = RequestCounters()
    recorder = RequestRecorder(counters, AccessLog(settings))
    rejection = FastRejection(admission, recorder)

    async def fast(scope: Any, receive: Any, send: Send) -> None:
        replies: list[tuple[int, TextHeaders, bytes]] = []
        rejection(RequestOverAsgi(scope), lambda *reply: replies.append(reply))
        [(status, text, body)] = replies
        headers = [(name.encode(), value.encode()) for name, value in text]
        await RawResponse(status, headers, body)(scope, receive, send)

    slow_messages = await messages_of(RequestLog(limited, recorder), method)
    assert await messages_of(fast, method) == slow_messages
    assert admission.rejected == 2
    assert REQUESTS.sample(2, NO_ROUTE, method, "503") in list(counters.samples())


async def test_request_ends_at_its_deadline(settings: Settings, upstream: FakeUpstream) -> None:
    released = upstream.holds("l2")
    async with served(replace(with_empty_cache(settings), request_timeout=0.1)) as service:
        late = await service.client.get("/data/l2")
        assert late.status_code == 504
        assert problem_of(late)["detail"] == "The request took too long."
    released.set()


async def test_statement_is_cancelled_with_its_request(
    settings: Settings, client: httpx.AsyncClient
) -> None:
    item = {"name": "tea", "price_cents": 1}
    path = (await client.post("/items", json=item)).headers["location"]
    connection = await asyncpg.connect(settings.database_url)
    impatient = replace(settings, request_timeout=0.3)
    async with served(impatient) as service, connection.transaction():
        await connection.execute("LOCK TABLE items IN EXCLUSIVE MODE")
        assert (await service.client.put(path, json=item)).status_code == 504
        waiting = "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await until(lambda: connection.fetchval(waiting))
    assert (await client.put(path, json=item)).status_code == 200
    await connection.close()


async def test_saturated_database_rejects_requests_early(settings: Settings) -> None:
    narrow = replace(settings, db_pool_size=1, db_acquire_timeout=0.5)
    connection = await asyncpg.connect(settings.database_url)
    async with serving(create_app(narrow)) as client:
        for _ in range(60):  # each statement waits for the lock for a while
            async with connection.transaction():
                await connection.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
                asking = asyncio.create_task(unbatched_write(client))
                await asyncio.sleep(0.03)
            assert (await asking).status_code == 201

        async with connection.transaction():
            await connection.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            asking = [asyncio.create_task(unbatched_write(client)) for _ in range(30)]
            await until(lambda: any(task.done() for task in asking))
            assert (await client.get("/data/beside")).status_code == 200
        answers = [await task for task in asking]
        details = {problem_of(each)["detail"] for each in answers if each.status_code == 503}
        assert "The database is too busy." in details  # and not that it did not answer in time
        assert {each.status_code for each in answers} <= {201, 503}
    await connection.close()


async def unbatched_write(client: httpx.AsyncClient) -> httpx.Response:
    """A creation with a key has a statement of its own; other requests share theirs."""
    key = {"idempotency-key": secrets.token_hex(8)}
    return await client.post("/items", json={"name": "tea", "price_cents": 1}, headers=key)


def test_loop_is_overloaded_when_it_is_late_for_longer_than_a_burst() -> None:
    queue_wait = 0.0
    lag = EventLoopLag(2.0, lambda: queue_wait, lambda: True)
    for tenth in range(1, 20):
        lag.observe(tenth / 10, lag=0.5)
        assert not lag.overloaded
    lag.observe(2.1, lag=0.5)
    assert lag.overloaded

    # Once overloaded, it is so whenever it is late, until it has been on time for as long.
    lag.observe(2.2, lag=0.0)
    assert not lag.overloaded
    queue_wait = 0.06
    assert lag.overloaded
    queue_wait = 0.04  # just below the limit is not on time
    for tenth in range(23, 50):
        lag.observe(tenth / 10, lag=0.0)
    queue_wait = 0.06
    assert lag.overloaded
    queue_wait = 0.0
    for tenth in range(50, 72):
        lag.observe(tenth / 10, lag=0.0)
    queue_wait = 0.06
    assert not lag.overloaded


def test_loop_without_requests_is_not_overloaded() -> None:
    admission = Admission(100, timeout=6.0, queueing=False)
    for second in range(10):
        admission.lag.observe(second, lag=0.5)
    assert not admission.at_capacity()

    for second in range(10, 13):
        admission.admit()  # each is over before the loop is observed
        admission.in_flight -= 1
        assert not admission.at_capacity()
        admission.lag.observe(second, lag=0.5)
    assert admission.at_capacity()


async def test_overloaded_worker_rejects_all_but_health_checks(
    settings: Settings,
) -> None:
    async def work() -> None:
        while True:
            time.sleep(0.07)  # noqa: ASYNC251 (a loop that is busy)
            await asyncio.sleep(0)

    async with serving(create_app(replace(settings, request_timeout=1))) as client:
        assert (await client.get("/items")).status_code == 200
        working = asyncio.create_task(work())
        await until(lambda: answers(client, "/items", 503))
        assert (await client.get("/health")).status_code == 200

        working.cancel()
        await until(lambda: answers(client, "/items", 200))


async def answers(client: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await client.get(path)).status_code == status


async def test_caller_never_waits_longer_than_the_acquire_bound(settings: Settings) -> None:
    tight = replace(settings, db_pool_size=1, db_acquire_timeout=0.1)
    async with serving(create_app(tight)) as client:
        pages = [f"/items?limit=100&after={number}" for number in range(400)]
        answers = await asyncio.gather(*(client.get(page) for page in pages))
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {200, 503}
        assert (await client.get("/items")).status_code == 200


async def test_writes_that_wait_for_a_lock_leave_room_for_reads(settings: Settings) -> None:
    uncached = {"memory_cache_entries": 0, "shared_cache": False, "db_pool_size": 4}
    patient = replace(settings, **uncached, db_acquire_timeout=HANG, db_command_timeout=HANG)
    patient = replace(patient, request_timeout=HANG)
    item = {"name": "tea", "price_cents": 1}
    connection = await asyncpg.connect(settings.database_url)
    async with serving(create_app(patient)) as client:
        path = (await client.post("/items", json=item)).headers["location"]
        async with connection.transaction():
            await connection.execute("LOCK TABLE items IN SHARE MODE")  # as a slow commit does
            writing = [asyncio.create_task(unbatched_write(client)) for _ in range(20)]
            waiting = "SELECT count(*) >= 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: connection.fetchval(waiting))
            for _ in range(20):
                reads = await asyncio.gather(*(client.get(each) for each in (path, "/items")))
                assert [read.status_code for read in reads] == [200, 200]
            assert not any(write.done() for write in writing)
        assert {write.status_code for write in await asyncio.gather(*writing)} == {201}
    await connection.close()


async def test_connections_are_acquired_in_the_order_of_requests(
    settings: Settings,
) -> None:
    narrow = replace(settings, db_pool_size=2)
    database = DatabasePool(narrow, narrow.database_url)
    served: list[int] = []

    async def ask(number: int) -> None:
        async with database._connection(database._read_lane) as connection:
            served.append(number)
            await connection.execute("SELECT pg_sleep(0.002)")

    async def come() -> None:
        # Those who come while others wait find a connection that was just given back.
        for number in range(200):
            asked.append(asyncio.create_task(ask(number)))
            await asyncio.sleep(0.001 if number > 20 else 0)

    asked: list[asyncio.Task[None]] = []
    async with database.lifespan():
        await come()
        await asyncio.gather(*asked)
    assert served == list(range(200))


async def test_connections_are_replaced_after_their_life(settings: Settings) -> None:
    short = replace(settings, db_pool_size=1, db_connection_lifetime=0.1)
    database = DatabasePool(short, short.database_url)
    async with database.lifespan():
        first = await database.read_value("SELECT pg_backend_pid()")

        async def replaced() -> bool:
            return await database.read_value("SELECT pg_backend_pid()") != first

        await until(replaced)
