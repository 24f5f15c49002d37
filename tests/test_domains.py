"""A domain is one folder and one line: docs/adding-a-domain.md, followed to the letter."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.generating import Outcome, generate, run

BLOCK = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)
FILE = re.compile(r"`([\w/]+\.py)`")

NEW_ROUTES = """
import httpx
import pytest

from msgspec.structs import replace

from app.main import DOMAINS, create_app
from app.settings import Settings
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.service import serving

BOOK = {"name": "Emma", "price_cents": 950}


async def test_book_is_created_cached_and_conditional(client: httpx.AsyncClient) -> None:
    created = await client.post("/books", json=BOOK)
    assert created.status_code == 201
    path = created.headers["location"]
    assert path.startswith("/books/")
    await client.get(path)
    hot = await client.get(path)
    assert hot.headers["cache-status"].startswith("memory; hit")
    unchanged = await client.get(path, headers={"if-none-match": hot.headers["etag"]})
    assert unchanged.status_code == 304
    stale = await client.put(path, json=BOOK, headers={"if-match": '"none"'})
    assert stale.status_code == 412


async def test_quote_is_computed(client: httpx.AsyncClient) -> None:
    quote = await client.post("/quotes", json={"quantity": 3, "price_cents": 950})
    assert (quote.status_code, quote.json()) == (200, {"total_cents": 2850})


async def test_note_without_cache_is_read_from_its_table(client: httpx.AsyncClient) -> None:
    created = (await client.post("/notes", json={"text": "tea"})).json()
    read = await client.get(f"/notes/{created['id']}")
    assert read.json() == created
    assert (await client.get("/notes/999")).status_code == 404


async def test_what_no_column_holds_is_400(client: httpx.AsyncClient) -> None:
    nul = await client.post("/notes", json={"text": "a\\0b"})
    large = await client.get(f"/notes/{2**63}")
    huge = await client.post("/quotes", json={"quantity": 10**3000, "price_cents": 10**3000})
    assert [answer.status_code for answer in (nul, large, huge)] == [400, 400, 400]


async def test_document_has_the_new_paths(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()
    assert {"/books", "/books/{book_id}", "/quotes", "/notes/{note_id}"} <= set(document["paths"])


async def test_metrics_have_the_new_cache(settings: Settings) -> None:
    parts = Parts(settings)
    service(parts, [declare(parts) for declare in DOMAINS])
    samples = [sample for sample in parts.metrics.samples() if sample[0] == "cache_reads_total"]
    assert "book" in {labels[0] for _, labels, _ in samples}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_dead_database_is_rejected_before_routing(
    settings: Settings, method: str
) -> None:
    gone = "postgresql://nobody@127.0.0.1:1/none"
    async with serving(create_app(replace(settings, database_url=gone))) as client:
        for path in ("/books", "/notes"):
            rejected = await client.request(method, path, json=BOOK)
            assert rejected.status_code == 503
            assert rejected.json()["detail"] == "The database does not answer."
        quote = await client.post("/quotes", json={"quantity": 1, "price_cents": 1})
        assert quote.status_code == 200
"""


NEW_FIELD = """
import httpx


async def test_new_field_is_in_every_request_and_response(client: httpx.AsyncClient) -> None:
    tea = {"name": "tea", "price_cents": 1}
    created = await client.post("/items", json={**tea, "stock": 7})
    path = created.headers["location"]
    assert created.json()["stock"] == 7
    for _ in range(2):  # from the table, then from the cache
        assert (await client.get(path)).json()["stock"] == 7
    assert (await client.patch(path, json={"stock": 8})).json()["stock"] == 8
    assert (await client.patch(path, json={"name": "other"})).json()["stock"] == 8
    assert (await client.put(path, json={**tea, "stock": 9})).json()["stock"] == 9
    assert (await client.get(path)).json()["stock"] == 9
    assert (await client.put(path, json=tea)).json()["stock"] == 0
    page = (await client.get("/items?limit=100")).json()
    assert page["items"][-1]["stock"] == 0
    again = {"idempotency-key": "stock-1"}
    for _ in range(2):
        once = await client.post("/items", json={**tea, "stock": 3}, headers=again)
        assert once.json()["stock"] == 3


async def test_new_field_has_its_bounds_in_the_document(client: httpx.AsyncClient) -> None:
    unbounded = {"name": "tea", "price_cents": 1, "stock": -1}
    assert (await client.post("/items", json=unbounded)).status_code == 400
    schemas = (await client.get("/schema/openapi.json")).json()["components"]["schemas"]
    for name in ("Item", "NewItem", "ItemPatch"):
        assert schemas[name]["properties"]["stock"]["maximum"] == 2**31 - 1
"""


def follow(page: Path, project: Path) -> None:
    """Type each command of the page, and write each file."""
    text, before = page.read_text(), 0
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        if kind == "sh":
            done = run("sh", "-ec", content, cwd=project)
            assert done.returncode == 0, done.stdout + done.stderr
        else:
            [named] = FILE.findall(text[before : block.start()])[-1:]
            (project / named).parent.mkdir(exist_ok=True)
            (project / named).write_text(f"{content}\n")
        before = block.end()


def python(project: Path, *arguments: str | Path) -> Outcome:
    environment = f"PYTHONPATH={project}{os.pathsep}{project / 'vendor'}"
    return run("env", environment, sys.executable, "-m", *arguments, cwd=project)


@pytest.fixture(scope="module")
def extended(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = generate(template, tmp_path_factory.mktemp("domains"))
    follow(project / "docs/adding-a-domain.md", project)
    return project


def test_main_of_a_project_is_short(project: Path) -> None:
    assert len((project / "app/main.py").read_text().splitlines()) <= 40


@pytest.mark.slow("type checks a project")
def test_added_domains_pass_lint_and_types(extended: Path) -> None:
    for tool in (
        ("ruff", "check", "--no-cache", "--fix", "."),
        ("ruff", "format", "--no-cache", "."),
    ):
        assert python(extended, *tool).returncode == 0
    typed = python(extended, "basedpyright", "--pythonpath", sys.executable, "app")
    assert typed.returncode == 0, typed.stdout


@pytest.mark.extra("runs a second project's tests on real servers")
def test_added_domains_work(extended: Path) -> None:
    (extended / "tests/test_new_routes.py").write_text(NEW_ROUTES)
    (extended / "tests/test_new_field.py").write_text(NEW_FIELD)
    new = ("tests/test_new_routes.py", "tests/test_new_field.py")
    tests = ("tests/test_books.py", *new, "tests/test_migrations.py")
    both_layers = ("-k", "both or new or migrations")  # other settings of the cache take a minute
    outcome = python(extended, "pytest", "-q", "-p", "no:cacheprovider", *both_layers, *tests)
    assert outcome.returncode == 0, outcome.stdout
