import asyncio

from msgspec.structs import replace

from app.database import Database
from app.settings import Settings
from tests.fake_upstream import FakeUpstream
from tests.service import problem_of, serving, with_empty_cache


async def test_full_worker_sheds_requests_but_not_health_checks(
    settings: Settings, upstream: FakeUpstream
) -> None:
    upstream.answers("l1", b"{}", after=0.3)
    async with serving(replace(with_empty_cache(settings), max_in_flight=2)) as client:
        admitted = [asyncio.create_task(client.get("/data/l1")) for _ in range(2)]
        await asyncio.sleep(0.1)

        shed = await client.get("/items")
        assert shed.status_code == 503
        assert shed.headers["retry-after"] == "1"
        assert problem_of(shed)["title"] == "Service Unavailable"
        assert (await client.get("/health")).status_code == 200

        assert {answer.status_code for answer in await asyncio.gather(*admitted)} == {200}
        assert (await client.get("/items")).status_code == 200


async def test_request_ends_at_its_deadline(settings: Settings, upstream: FakeUpstream) -> None:
    upstream.answers("l2", b"{}", after=0.4)
    async with serving(replace(with_empty_cache(settings), request_timeout=0.1)) as client:
        late = await client.get("/data/l2")
        assert late.status_code == 504
        assert problem_of(late)["detail"] == "The request took too long."


async def test_caller_never_waits_longer_than_the_acquire_bound(settings: Settings) -> None:
    tight = replace(settings, db_pool_size=1, db_acquire_timeout=0.1)
    async with serving(tight) as client:
        answers = await asyncio.gather(*(client.get("/items?limit=100") for _ in range(400)))
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {200, 503}
        assert (await client.get("/items")).status_code == 200


async def test_connections_are_replaced_after_their_life(settings: Settings) -> None:
    short = replace(settings, db_pool_size=1, db_connection_lifetime=0.1)
    database = Database(short, short.database_url)
    async with database.lifespan():
        first = await database.fetchval("SELECT pg_backend_pid()")
        assert await database.fetchval("SELECT pg_backend_pid()") == first
        await asyncio.sleep(0.3)
        assert await database.fetchval("SELECT pg_backend_pid()") != first
