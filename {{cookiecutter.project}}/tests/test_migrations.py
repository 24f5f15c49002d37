import asyncio
import io
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.dev.servers import alembic
from servicekit.testing.service import environment_of

# What Squawk would flag beside what breaks the version that runs or blocks its requests.
LEFT_ALONE = (
    "require-lock-timeout,require-statement-timeout,"  # migrations/env.py sets both
    "prefer-bigint-over-int,prefer-robust-stmts,prefer-text-field,prefer-timestamp-tz"  # taste
)
REVISIONS = list(ScriptDirectory.from_config(Config(toml_file="pyproject.toml")).walk_revisions())


def upgrade_sql(revision: Script) -> str:
    """What the revision would say to PostgreSQL."""
    sql = io.StringIO()
    options = {"as_sql": True, "output_buffer": sql}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        revision.module.upgrade()
    return sql.getvalue()


def squawk(sql: str, name: str) -> str:
    program = Path(sys.executable).with_name("squawk")
    command = [
        program,
        "--assume-in-transaction",
        "--exclude",
        LEFT_ALONE,
        "--stdin-filepath",
        name,
    ]
    return subprocess.run(command, input=sql, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_a_migration_suits_the_version_that_runs_while_it_is_applied(revision: Script) -> None:
    """Expand now, contract in a later deployment: docs/deploying.md says how."""
    told = squawk(upgrade_sql(revision), Path(revision.path).name)
    assert "Found 0 issues" in told, told


@pytest.mark.parametrize(
    "statement,rule",
    [
        ("ALTER TABLE items DROP COLUMN description", "ban-drop-column"),
        ("DROP TABLE items", "ban-drop-table"),
        ("ALTER TABLE items RENAME COLUMN name TO title", "renaming-column"),
        ("ALTER TABLE items ALTER COLUMN version TYPE bigint", "changing-column-type"),
        ("ALTER TABLE items ADD COLUMN colour text NOT NULL", "adding-required-field"),
        ("CREATE INDEX ON items (name)", "require-concurrent-index-creation"),
    ],
)
def test_breaking_statement_is_flagged_unless_it_is_marked(statement: str, rule: str) -> None:
    assert rule in squawk(f"{statement};", "x.py")
    assert "Found 0 issues" in squawk(f"-- squawk-ignore {rule}\n{statement};", "x.py")


@pytest.mark.slow("runs Alembic twice")
async def test_two_migrations_at_once_both_succeed(
    settings: Settings, empty_database_url: str
) -> None:
    empty = replace(settings, database_url=empty_database_url)
    results = await asyncio.gather(
        *(asyncio.to_thread(alembic, environment_of(empty), "upgrade", "head") for _ in range(2))
    )

    assert [result.returncode for result in results] == [0, 0], [r.stderr for r in results]
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    assert await connection.fetchval("SELECT count(*) FROM items") == 0
    await connection.close()


@pytest.mark.slow("runs Alembic three times")
async def test_migrations_can_be_undone(settings: Settings, empty_database_url: str) -> None:
    empty = replace(settings, database_url=empty_database_url)
    for arguments in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        result = await asyncio.to_thread(alembic, environment_of(empty), *arguments)
        assert result.returncode == 0, result.stderr


@pytest.mark.slow("runs Alembic twice")
async def test_version_before_the_one_that_migrated_leaves_the_schema_alone(
    settings: Settings, empty_database_url: str
) -> None:
    empty = environment_of(replace(settings, database_url=empty_database_url))
    await asyncio.to_thread(alembic, empty, "upgrade", "head")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("UPDATE alembic_version SET version_num = 'later'")
    result = await asyncio.to_thread(alembic, empty, "upgrade", "head")

    assert result.returncode == 0, result.stderr
    assert "at revision later, which this version does not have" in result.stdout
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "later"
    await connection.close()


def test_unreachable_database_is_one_sentence(settings: Settings) -> None:
    unreachable = replace(settings, database_url=f"postgresql://x@127.0.0.1:{free_port()}/x")
    refused = alembic(environment_of(unreachable), "upgrade", "head")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "The database could not be reached" in refused.stderr
