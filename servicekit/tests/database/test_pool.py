"""Callers' errors while the database fails, and its lanes, retries and transactions."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.database import monitor
from servicekit.database.pool import DatabasePool
from servicekit.dev.processes import free_port
from servicekit.errors import Unavailable
from servicekit.testing.service import problem_of, serving, with_empty_cache
from servicekit.testing.waiting import HANG, until
from servicekit.tests.clock import ManualClock
from servicekit.tests.served import Served, served
from servicekit.tests.wire import Wire

TEA = {"name": "tea", "price_cents": 1}


@pytest.fixture
async def wire(settings: Settings) -> AsyncIterator[Wire]:
    async with Wire.laid(settings.database_url) as wire:
        yield wire


@pytest.fixture
async def wired_service(settings: Settings, wire: Wire) -> AsyncIterator[Served]:
    """A service whose database can fail, and that caches nothing."""
    # As many may be repeated at once as there are connections.
    uncached = {"memory_cache_entries": 0, "shared_cache": False, "db_pool_size": 20}
    own = replace(settings, database_url=wire.url, db_command_timeout=HANG, **uncached)
    async with served(own) as service:
        yield service


@pytest.fixture
def wired(wired_service: Served) -> httpx.AsyncClient:
    return wired_service.client


async def status(client: httpx.AsyncClient, path: str) -> int:
    return (await client.get(path)).status_code


async def sql(settings: Settings, statement: str) -> list[asyncpg.Record]:
    writable = {"default_transaction_read_only": "off"}
    connection = await asyncpg.connect(settings.database_url, server_settings=writable)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def test_retryable_requests_survive_the_loss_of_all_connections(
    settings: Settings, wire: Wire, wired_service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "_MAX_SILENCE", HANG)
    wired, database = wired_service.client, wired_service.parts.primary
    path = (await wired.post("/items", json=TEA)).headers["location"]
    wire.freeze()  # until PostgreSQL has ended all connections
    asking = [
        asyncio.create_task(request)
        for request in (
            wired.get(path),
            wired.get("/items"),
            wired.put(path, json=TEA),
            wired.post("/items", json=TEA, headers={"idempotency-key": secrets.token_hex(8)}),
        )
    ]
    await until(lambda: database.connections()[1] == 4)  # each has one
    await sql(
        settings,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE application_name = 'app' AND datname = current_database()",
    )
    wire.thaw()
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 201]


async def test_creation_whose_answer_was_lost_is_repeated_only_with_a_key(
    settings: Settings, wire: Wire, wired: httpx.AsyncClient
) -> None:
    name, key = secrets.token_hex(8), {"idempotency-key": secrets.token_hex(8)}
    count = f"SELECT count(*) AS n FROM items WHERE name = '{name}'"

    wire.loses = name.encode()
    lost = await wired.post("/items", json={**TEA, "name": name})
    assert lost.status_code == 503
    assert (await sql(settings, count))[0]["n"] == 1

    wire.loses = name.encode()
    created = await wired.post("/items", json={**TEA, "name": name}, headers=key)
    assert created.status_code == 201
    again = await wired.post("/items", json={**TEA, "name": name}, headers=key)
    assert again.json() == created.json()
    assert (await sql(settings, count))[0]["n"] == 2


async def test_write_of_a_certain_version_is_not_repeated(
    wire: Wire, wired: httpx.AsyncClient
) -> None:
    created = await wired.post("/items", json=TEA)
    path, version = created.headers["location"], {"if-match": created.headers["etag"]}
    wire.loses = b"first"
    lost = await wired.put(path, json={**TEA, "name": "first"}, headers=version)
    assert lost.status_code == 503  # and not 412, which would say that another had written
    assert (await wired.get(path)).json()["name"] == "first"


async def test_database_that_is_gone_is_503_and_used_again_when_it_is_back(
    wire: Wire, wired: httpx.AsyncClient
) -> None:
    wire.cut()
    assert await status(wired, "/items") == 503
    answer = await wired.get("/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "unavailable")

    await wire.mend()
    await until(lambda: answers(wired, 200))


async def answers(client: httpx.AsyncClient, code: int) -> bool:
    return await status(client, "/items") == code


async def test_frozen_database_gets_no_statement_until_it_answers_a_probe(
    settings: Settings, wire: Wire
) -> None:
    frozen = replace(settings, database_url=wire.url)
    database = DatabasePool(frozen, frozen.database_url)
    async with database.lifespan():
        wire.freeze()
        with pytest.raises(Unavailable, match="did not answer in time"):
            await database.read_value("SELECT 1")
        await until(lambda: not database.breaker.closed)
        for _ in range(10):
            with pytest.raises(Unavailable, match="does not answer"):
                await database.read_value("SELECT 1")
        assert database.counts.waiting == 0

        wire.thaw()
        await until(lambda: database.breaker.closed)
        assert await database.read_value("SELECT 1") == 1


async def test_demoted_primary_is_left(settings: Settings) -> None:
    name = settings.database_url.rpartition("/")[2]
    promoted = f"ALTER DATABASE {name} RESET default_transaction_read_only"
    await sql(settings, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        async with serving(create_app(settings)) as client:
            refused = await client.post("/items", json=TEA)
            assert refused.status_code == 503
            assert "read-only" not in refused.text

            await sql(settings, promoted)
            await until(lambda: created(client))
    finally:
        await sql(settings, promoted)  # the database is every test's


def raising(code: str) -> str:
    return f"DO $$ BEGIN RAISE 'for now' USING ERRCODE = '{code}'; END $$"


@pytest.mark.parametrize("method", ["read", "write"])
@pytest.mark.parametrize("code", ["40001", "40003", "40P01", "55P03", "58030", "53100"])
async def test_statement_that_may_succeed_later_is_unavailable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: str, method: str
) -> None:
    """A standby cancels reads with 40001, so that it can apply a change of the primary."""
    database = DatabasePool(settings, settings.database_url)
    # the pool's end would break a probe's connection
    monkeypatch.setattr(database.breaker, "request_probe", lambda: None)
    async with database.lifespan():
        with pytest.raises(Unavailable) as raised:
            await getattr(database, method)(raising(code))
        assert raised.value.outcome_unknown == (code == "40003")  # "completion unknown"
        with pytest.raises(asyncpg.DivisionByZeroError):  # a defect shows
            await getattr(database, method)(raising("22012"))


async def test_server_that_refuses_connections_for_any_reason_is_unavailable(
    settings: Settings,
) -> None:
    database = DatabasePool(settings, f"{settings.database_url}?no_such_setting=1")
    async with database.lifespan():
        with pytest.raises(Unavailable):
            await database.read("SELECT 1")
        await until(lambda: not database.breaker.closed)


async def created(client: httpx.AsyncClient) -> bool:
    return (await client.post("/items", json=TEA)).status_code == 201


async def test_service_starts_without_its_database(settings: Settings) -> None:
    gone = replace(settings, database_url=f"postgresql://x@127.0.0.1:{free_port()}/x")
    async with serving(create_app(with_empty_cache(gone))) as client:
        assert (await client.get("/health")).status_code == 200
        answer = await client.get("/items")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert problem_of(answer)["detail"] == "The database does not answer."


@pytest.fixture
async def hba(settings: Settings) -> Path:
    """PostgreSQL's file of who must show what to be let in."""
    [row] = await sql(settings, "SHOW hba_file")
    return Path(row["hba_file"])


@pytest.fixture
def passwords_asked_for(hba: Path) -> Iterator[None]:
    """Of all roles named `asked_…`; the embedded server otherwise asks for none."""
    if not hba.exists():
        pytest.skip("the database is on another machine")
    before = hba.read_text()
    hba.write_text(f'host all "/^asked_" all scram-sha-256\n{before}')
    yield
    hba.write_text(before)


@pytest.fixture
async def role(settings: Settings, passwords_asked_for: None) -> AsyncIterator[str]:
    """PostgreSQL reads its files some time after `pg_reload_conf`, so a wrong password shows it."""
    name = f"asked_{secrets.token_hex(4)}"
    await sql(settings, f"CREATE ROLE {name} LOGIN PASSWORD 'first'")
    await sql(settings, "SELECT pg_reload_conf()")
    wrong = settings.database_url.replace("postgres@", f"{name}:wrong@")

    async def rejected() -> bool:
        try:
            connection = await asyncpg.connect(wrong)
        except asyncpg.InvalidPasswordError:
            return True
        await connection.close()
        return False

    await until(rejected)
    yield name
    await sql(settings, f"DROP ROLE {name}")


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("first\n")
    return file


@pytest.fixture
def rotated(settings: Settings, role: str, password_file: Path) -> Settings:
    """Settings whose password is read from a file, and whose connections live for 0.2 s."""
    return replace(
        settings,
        database_url=settings.database_url.replace("postgres@", f"{role}@"),
        database_password_file=str(password_file),
        db_pool_size=1,
        db_connection_lifetime=0.2,
    )


async def test_password_is_read_anew_for_each_connection(
    settings: Settings,
    rotated: Settings,
    role: str,
    password_file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = DatabasePool(rotated, rotated.database_url)
    async with database.lifespan():
        first = await database.read_value("SELECT pg_backend_pid()")
        await sql(settings, f"ALTER ROLE {role} PASSWORD 'second'")
        # The file is not yet up to date: open connections are kept.
        await until(lambda: "database connections kept" in caplog.messages)
        assert await database.read_value("SELECT pg_backend_pid()") == first

        await asyncio.to_thread(password_file.write_text, "second")
        await until(lambda: another_process(database, first))


async def test_after_a_rotation_the_connections_that_are_left_serve(
    settings: Settings, role: str
) -> None:
    """The password in the environment stays the old one until the process is replaced."""
    url = settings.database_url.replace("postgres@", f"{role}@")
    own = replace(settings, database_url=url, database_password="first", db_pool_size=2)
    database = DatabasePool(own, url)
    async with database.lifespan():
        lost = await database.read_value("SELECT pg_backend_pid()")
        await sql(settings, f"ALTER ROLE {role} PASSWORD 'second'")
        await sql(settings, f"SELECT pg_terminate_backend({lost})")
        await until(lambda: database.connections()[0] == 1)
        for _ in range(5):
            assert await database.read_value("SELECT 1") == 1
        assert database.breaker.closed


async def another_process(database: DatabasePool, first: int) -> bool:
    return await database.read_value("SELECT pg_backend_pid()") != first


async def test_long_wait_for_a_connection_is_counted(settings: Settings) -> None:
    clock = ManualClock()
    own = replace(settings, db_pool_size=1, db_acquire_timeout=HANG)
    database = DatabasePool(own, own.database_url, clock=clock)
    async with database.lifespan():
        async with database.transaction():
            waiting = asyncio.create_task(database.read_value("SELECT 1"))
            await until(lambda: database.counts.waiting)
            clock.advance(HANG / 2 + 1)  # more than half of what a caller may wait
        assert await waiting == 1
        await database.read_value("SELECT 1")
    assert database.counts.slow == 1


async def test_method_and_not_the_sql_chooses_the_lane(settings: Settings) -> None:
    own = replace(settings, db_pool_size=4, db_acquire_timeout=0.3)
    database = DatabasePool(own, own.database_url)
    async with database.lifespan():
        locked = "/* any */ WITH x AS (SELECT pg_advisory_xact_lock(7)) SELECT 1 FROM x"
        holder = await asyncpg.connect(settings.database_url)
        async with holder.transaction():
            await holder.execute("SELECT pg_advisory_xact_lock(7)")
            writes = [asyncio.create_task(database.write_value(locked)) for _ in range(3)]
            await until(lambda: database.connections()[1] == 3)
            with pytest.raises(Unavailable):
                await database.write_value("SELECT 1")
            assert await database.read_value("WITH x AS (SELECT 1) SELECT * FROM x") == 1
        await holder.close()
        assert await asyncio.gather(*writes) == [1, 1, 1]


async def insert_all(database: DatabasePool, names: list[str], *, read_only: bool = False) -> None:
    async with database.transaction(read_only=read_only) as connection:
        for name in names:
            await connection.execute("INSERT INTO items (name, price_cents) VALUES ($1, 1)", name)


async def test_transaction_carries_out_all_of_its_statements_or_none(settings: Settings) -> None:
    count = "SELECT count(*) FROM items WHERE name = $1"
    kept, lost = secrets.token_hex(8), secrets.token_hex(8)
    database = DatabasePool(settings, settings.database_url)
    async with database.lifespan():
        await insert_all(database, [kept, kept])
        with pytest.raises(asyncpg.CheckViolationError):
            await insert_all(database, [lost, ""])
        assert await database.read_value(count, kept) == 2
        assert await database.read_value(count, lost) == 0
        with pytest.raises(RuntimeError, match="writes in a read-only transaction"):
            await insert_all(database, [lost], read_only=True)
        assert database.breaker.closed
