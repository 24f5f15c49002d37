import asyncio

import asyncpg
from msgspec.structs import replace

from app.local import free_port
from app.settings import Settings
from tests.service import alembic


async def test_two_migrations_at_once_both_succeed(
    settings: Settings, empty_database_url: str
) -> None:
    empty = replace(settings, database_url=empty_database_url)
    results = await asyncio.gather(
        *(asyncio.to_thread(alembic, empty, "upgrade", "head") for _ in range(2))
    )

    assert [result.returncode for result in results] == [0, 0], [r.stderr for r in results]
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    assert await connection.fetchval("SELECT count(*) FROM items") == 0
    await connection.close()


async def test_migrations_can_be_undone(settings: Settings, empty_database_url: str) -> None:
    empty = replace(settings, database_url=empty_database_url)
    for arguments in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        result = await asyncio.to_thread(alembic, empty, *arguments)
        assert result.returncode == 0, result.stderr


def test_unreachable_database_is_one_sentence(settings: Settings) -> None:
    unreachable = replace(settings, database_url=f"postgresql://x@127.0.0.1:{free_port()}/x")
    refused = alembic(unreachable, "upgrade", "head")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "The database could not be reached" in refused.stderr
