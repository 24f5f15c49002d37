"""PostgreSQL stops without closing its connections, or only the replica is away."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.database.pool import DatabasePool
from servicekit.dev.processes import free_port
from servicekit.dev.servers import migrated_stores
from servicekit.errors import Unavailable
from servicekit.testing.service import serving, with_empty_cache
from servicekit.testing.waiting import until
from servicekit.tests.served import served


@pytest.fixture(scope="module")
def own(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_stores(tmp_path_factory.mktemp("own")) as urls:
        yield replace(settings, database_url=urls["DATABASE_URL"], redis_url=urls["REDIS_URL"])


def processes_of(own: Settings) -> list[psutil.Process]:
    port = f"-p {urlsplit(own.database_url).port}"
    [server] = [child for child in psutil.Process().children() if port in " ".join(child.cmdline())]
    return [server, *server.children(recursive=True)]


@pytest.fixture
def frozen(own: Settings) -> Iterator[list[psutil.Process]]:
    """Processes that a test has suspended; they go on in the end."""
    suspended: list[psutil.Process] = []
    yield suspended
    for process in suspended:
        if process.is_running():
            process.resume()


def freeze(own: Settings, frozen: list[psutil.Process]) -> None:
    frozen += processes_of(own)
    for process in frozen:
        process.suspend()


@pytest.mark.slow("waits for the timeout of a frozen server")
async def test_reads_of_a_frozen_database_wait_for_two_statements_and_then_for_none(
    own: Settings, frozen: list[psutil.Process]
) -> None:
    """Each read is for an item that no cache has."""
    slow = replace(with_empty_cache(own), db_command_timeout=2.0, db_pool_size=2)
    async with served(slow) as service:
        counts = service.parts.primary.counts

        async def read(items: range) -> set[int]:
            reads = (service.client.get(f"/items/{item}") for item in items)
            return {answer.status_code for answer in await asyncio.gather(*reads)}

        assert await read(range(1000, 1001)) == {404}
        sent = sum(counts.queries.buckets)
        freeze(own, frozen)
        reading = [asyncio.create_task(read(range(item, item + 3))) for item in range(2000, 2060)]
        assert set().union(*await asyncio.gather(*reading)) == {503}
        assert sum(counts.queries.buckets) - sent <= 2

        acquired = sum(counts.acquires.buckets)
        assert await read(range(3000, 3050)) == {503}
        assert sum(counts.acquires.buckets) == acquired


async def test_statement_without_an_answer_is_not_sent_again(
    own: Settings, frozen: list[psutil.Process]
) -> None:
    brief = replace(own, db_command_timeout=0.5, db_pool_size=1)
    database = DatabasePool(brief, brief.database_url)
    async with database.lifespan():
        freeze(own, frozen)
        before = sum(database.counts.queries.buckets)
        with pytest.raises(Unavailable) as raised:
            await database.write_value("SELECT 1", repeatable=True)
        assert raised.value.outcome_unknown
        assert sum(database.counts.queries.buckets) - before == 1
        await until(lambda: not database.breaker.closed)
        acquired = sum(database.counts.acquires.buckets)
        with pytest.raises(Unavailable) as raised:
            await database.write_value("SELECT 1", repeatable=True)
        assert not raised.value.outcome_unknown
        assert sum(database.counts.acquires.buckets) == acquired
        for process in frozen:
            process.resume()

        async def answers() -> bool:
            return database.breaker.closed and await database.read_value("SELECT 1") == 1

        await until(answers)


async def test_item_is_read_while_only_the_replica_is_away(own: Settings) -> None:
    away = replace(
        with_empty_cache(own),
        database_replica_url=f"postgresql://postgres@127.0.0.1:{free_port()}/postgres",
    )
    async with serving(create_app(away)) as client:
        created = await client.post("/items", json={"name": "tea", "price_cents": 1})
        path = created.headers["location"]
        assert (await client.get("/items")).status_code == 503
        for address in (path, f"{path}?x=1"):
            assert (await client.get(address)).status_code == 200
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["database"] == "ok"
        assert answer.json()["replica"] == "unavailable"


async def test_pages_are_read_while_only_the_primary_is_away(own: Settings) -> None:
    away = replace(
        with_empty_cache(own),
        database_url=f"postgresql://postgres@127.0.0.1:{free_port()}/postgres",
        database_replica_url=own.database_url,
    )
    async with serving(create_app(away)) as client:
        assert (await client.get("/items")).status_code == 200
        assert (await client.get("/items/1?x=1")).status_code == 503
        answer = await client.get("/ready")
        assert (answer.json()["database"], answer.json()["replica"]) == ("unavailable", "ok")
