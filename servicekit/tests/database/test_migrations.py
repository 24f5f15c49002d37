"""Migrations wait for each other, and builds of indexes wait for readers."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.engine import Connection

from app.settings import Settings
from servicekit.database import migrations
from servicekit.dev.servers import alembic
from servicekit.testing.service import environment_of
from servicekit.testing.waiting import HANG, until

pytestmark = pytest.mark.slow("runs Alembic in processes of its own")


@pytest.fixture
def empty(settings: Settings, empty_database_url: str) -> Settings:
    """Settings of a database without tables."""
    return replace(settings, database_url=empty_database_url)


@pytest.fixture
async def migrated(empty: Settings) -> Settings:
    """Settings of a database with the project's tables, all empty."""
    result = await asyncio.to_thread(alembic, environment_of(empty), "upgrade", "head")
    assert result.returncode == 0, result.stderr
    return empty


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


@pytest.fixture
def with_index(tmp_path: Path) -> str:
    """An Alembic configuration with one revision more: the recipe of docs/deploying.md."""
    head = ScriptDirectory.from_config(Config(toml_file="pyproject.toml")).get_current_head()
    folder = tmp_path / "migrations"
    shutil.copytree("migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_index.py").write_text(INDEX.format(head=head))
    ini = tmp_path / "alembic.ini"
    ini.write_text(f"[alembic]\nscript_location = {folder}\nprepend_sys_path = .\n")
    return str(ini)


INDEX = """
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY items_by_name ON items (name)")
"""


def upgrading(settings: Settings, ini: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "alembic", "-c", ini, "upgrade", "head"]
    return subprocess.Popen(
        command, env=environment_of(settings), stderr=subprocess.PIPE, text=True
    )


async def ended(*processes: subprocess.Popen[str]) -> list[tuple[int | None, str]]:
    """The exit codes, and what was logged of a failure."""
    texts = await asyncio.gather(
        *(asyncio.to_thread(process.communicate, None, HANG) for process in processes)
    )
    return [
        (p.returncode, text[1] if p.returncode else "")
        for p, text in zip(processes, texts, strict=True)
    ]


async def indexes(database: asyncpg.Connection) -> list[tuple[str, bool]]:
    rows = await database.fetch(
        "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE indrelid = 'items'::regclass AND NOT indisprimary"
    )
    return [tuple(row) for row in rows]


async def test_two_migrations_that_build_an_index_concurrently_both_succeed(
    empty: Settings, with_index: str, database: asyncpg.Connection
) -> None:
    processes = [upgrading(empty, with_index) for _ in range(3)]

    assert await ended(*processes) == [(0, "")] * 3
    assert await indexes(database) == [("items_by_name", True)]


async def test_long_reader_delays_the_build_of_an_index_beyond_the_lock_timeout(
    migrated: Settings, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "100ms")
    waits = """
        SELECT count(*) FROM pg_stat_progress_create_index JOIN pg_stat_activity USING (pid)
        WHERE wait_event_type = 'Lock' AND clock_timestamp() - query_start > '1 s'
    """
    reader = await asyncpg.connect(migrated.database_url)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetchval("SELECT count(*) FROM items")
        building = asyncio.create_task(migrations.migrate(migrated, build_index))
        await until(lambda: building.done() or database.fetchval(waits))
        assert not building.done()
    await reader.close()
    await building
    assert await indexes(database) == [("items_by_name", True)]


def build_index(connection: Connection) -> None:
    autocommitting = connection.execution_options(isolation_level="AUTOCOMMIT")
    autocommitting.execute(text("CREATE INDEX CONCURRENTLY items_by_name ON items (name)"))


async def test_failed_build_of_an_index_can_be_run_again(
    migrated: Settings, with_index: str, database: asyncpg.Connection
) -> None:
    await database.execute("INSERT INTO items (name, price_cents) VALUES ('a', 1), ('a', 1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute("CREATE UNIQUE INDEX CONCURRENTLY items_by_name ON items (name)")
    assert await indexes(database) == [("items_by_name", False)]

    assert await ended(upgrading(migrated, with_index)) == [(0, "")]
    assert await indexes(database) == [("items_by_name", True)]
