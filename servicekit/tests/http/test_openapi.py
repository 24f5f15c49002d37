"""The OpenAPI document is valid, and says what is really sent."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody
from msgspec.structs import replace
from openapi_spec_validator import validate

from app.main import create_app
from app.settings import Settings
from servicekit.domain import Domain
from servicekit.http.document import complete
from servicekit.http.problems import PROBLEM_JSON
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import environment_of, serving, with_empty_cache

PROBLEM = {"$ref": "#/components/schemas/Problem"}
OFTEN = {"400", "500", "503", "504"}  # of each operation
OF_BODIES = {"408", "413", "415"}
UNDECLARED = {"content-type", "content-length", "connection", "date"}  # of each message
JSON = "application/json"


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(with_empty_cache(settings))) as client:
        yield client


@pytest.fixture(scope="module")
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/schema/openapi.json")).json()


def document_of(settings: Settings) -> dict[str, Any]:
    app: Any = create_app(settings)
    return complete(app.app.openapi_schema.to_schema(), app.app, settings)


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document
    for key in value["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


async def test_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)

    assert document["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    "path, method, statuses",
    [
        ("/health", "get", {"200"}),
        ("/ready", "get", {"200"}),
        ("/items", "get", {"200"}),
        ("/items", "post", {"201", "422", *OF_BODIES}),
        ("/items/{item_id}", "get", {"200", "304", "404", "412"}),
        ("/items/{item_id}", "put", {"200", "404", "412", *OF_BODIES}),
        ("/items/{item_id}", "patch", {"200", "404", "412", *OF_BODIES}),
        ("/items/{item_id}", "delete", {"204", "404", "412"}),
        ("/data/{data_id}", "get", {"200", "304", "404", "412", "502"}),
    ],
)
async def test_operation_declares_every_status(
    document: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    responses = document["paths"][path][method]["responses"]

    assert set(responses) == statuses | OFTEN
    for status, response in responses.items():
        content = resolved(document, response).get("content", {})
        if int(status) >= 400:
            assert content[PROBLEM_JSON]["schema"] == PROBLEM
        assert set(content) <= {JSON, PROBLEM_JSON}


@pytest.mark.parametrize("kind, status", [("local", 302), ("production", 404)], ids=str)
async def test_root_leads_to_the_documentation_where_there_is_one(
    settings: Settings, kind: Any, status: int
) -> None:
    given = replace(settings, environment=kind, expose_schema=False)
    async with serving(create_app(with_empty_cache(given))) as client:
        response = await client.get("/", follow_redirects=False)
    assert response.status_code == status
    assert response.headers.get("location") == ("/schema" if status == 302 else None)


async def test_schemas_have_the_bounds_that_are_enforced(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    cents = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
    for name in ("NewItem", "ItemPatch"):
        assert schemas[name]["additionalProperties"] is False
        assert schemas[name]["properties"]["price_cents"].items() >= cents.items()
        assert schemas[name]["properties"]["name"]["maxLength"] == 200
    assert schemas["Item"]["properties"]["created_at"]["format"] == "date-time"
    (item_id,) = document["paths"]["/items/{item_id}"]["get"]["parameters"]
    assert item_id["schema"] == {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}


async def test_patch_declares_a_merge_patch_and_put_does_not(document: dict[str, Any]) -> None:
    item = document["paths"]["/items/{item_id}"]

    assert set(item["patch"]["requestBody"]["content"]) == {JSON, "application/merge-patch+json"}
    assert set(item["put"]["requestBody"]["content"]) == {JSON}


async def test_write_declares_its_preconditions(document: dict[str, Any]) -> None:
    item = document["paths"]["/items/{item_id}"]
    for method in ("put", "patch", "delete"):
        names = {parameter["name"]: parameter["schema"] for parameter in item[method]["parameters"]}
        assert names["If-Match"] == names["If-None-Match"] == {"type": "string"}


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/health", {}, 200),
        ("GET", "/ready", {}, 200),
        ("GET", "/items", {}, 200),
        ("GET", "/items?limit=x", {}, 400),
        ("POST", "/items", {}, 201),
        ("POST", "/items", {"content-type": "text/xml"}, 415),
        ("POST", "/items", {"content-encoding": "gzip"}, 415),
        ("GET", "{item}", {}, 200),
        ("GET", "{item}?routed", {}, 200),
        ("GET", "{item}", {"if-none-match": "*"}, 304),
        ("GET", "/items/999999999", {}, 404),
        ("PUT", "{item}", {}, 200),
        ("PATCH", "{item}", {}, 200),
        ("PATCH", "{item}", {"content-type": "text/xml"}, 415),
        ("PUT", "{item}", {"if-match": '"0"'}, 412),
        ("DELETE", "{item}", {}, 204),
        ("GET", "/data/declared", {}, 200),
        ("GET", "/data/broken", {}, 502),
    ],
)
async def test_response_has_declared_status_media_type_and_headers(
    client: httpx.AsyncClient,
    document: dict[str, Any],
    upstream: FakeUpstream,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    upstream.answers("broken", b"", status=500)
    body = msgspec.json.encode({"name": "tea", "price_cents": 1})
    created = await client.post("/items", content=body, headers={"content-type": JSON})
    content = body if method in {"POST", "PUT", "PATCH"} else None
    sent = {"content-type": JSON, **headers} if content else headers
    response = await client.request(
        method, path.format(item=created.headers["location"]), content=content, headers=sent
    )

    assert response.status_code == status
    template = {"{item}": "/items/{item_id}", "/items/9": "/items/{item_id}"}
    known = next((t for start, t in template.items() if path.startswith(start)), path)
    known = "/data/{data_id}" if path.startswith("/data/") else known.partition("?")[0]
    declared = resolved(
        document, document["paths"][known][method.lower()]["responses"][str(status)]
    )
    required = {
        name.lower(): resolved(document, header)["required"]
        for name, header in declared["headers"].items()
    }
    assert set(response.headers) - UNDECLARED <= set(required)
    assert {name for name, needed in required.items() if needed} <= set(response.headers)
    media_type = response.headers.get("content-type")
    assert (media_type in declared["content"]) if response.content else "content" not in declared


async def test_document_requires_a_token_where_authentication_is_on(
    settings: Settings, document: dict[str, Any]
) -> None:
    guarded = replace(
        settings,
        auth_issuer="https://issuer.example",
        auth_audience="orders",
        rate_limit=100.0,
    )
    asked = document_of(guarded)
    validate(asked)

    assert asked["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert asked["security"] == [{"bearer": []}]
    assert {"401", "429"} <= set(asked["paths"]["/items"]["get"]["responses"])
    for path in ("/health", "/ready"):
        assert asked["paths"][path]["get"]["security"] == []
        assert not {"401", "429"} & set(asked["paths"][path]["get"]["responses"])
    unauthorized = resolved(asked, asked["paths"]["/items"]["get"]["responses"]["401"])
    assert "WWW-Authenticate" in unauthorized["headers"]
    assert "security" not in document
    assert "securitySchemes" not in document["components"]


@pytest.mark.slow("starts the service three times")
async def test_document_is_the_same_at_each_start(settings: Settings) -> None:
    script = (
        "import json\n"
        "from app.settings import load_settings\n"
        "from servicekit.tests.http.test_openapi import document_of\n"
        "print(json.dumps(document_of(load_settings())))"
    )
    printed = [
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script],
            env={**environment_of(settings), "PYTHONHASHSEED": seed, "BUILD_ID": "b1"},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    documents = [output.stdout.strip().splitlines()[-1] for output in printed]
    assert documents[0] == documents[1]


class Book(msgspec.Struct, forbid_unknown_fields=True):
    pages: int


class BookController(Controller):
    path = "/books"

    @get("/{book_id:int}")
    async def get_book(self, book_id: FromPath[int]) -> Book:
        return Book(book_id)

    @post()
    async def create_book(self, data: JSONBody[Book]) -> Book:
        return data


async def test_new_domain_is_in_the_document_without_more_code(settings: Settings) -> None:
    app = service(Parts(settings), [Domain(controller=BookController)])
    async with serving(app) as client:
        document = (await client.get("/schema/openapi.json")).json()
        validate(document)
        asked = await client.head("/books/7")
        listed = await client.options("/books")
        strange = await client.post(
            "/books", content="<book/>", headers={"content-type": "text/xml"}
        )
        text = await client.post("/books", json={"pages": "7"})
        spelled = await client.get("/books/07")

    operations = document["paths"]
    assert set(operations["/books/{book_id}"]["get"]["responses"]) == {"200", "404", *OFTEN}
    assert set(operations["/books"]["post"]["responses"]) == {"201", *OF_BODIES, *OFTEN}
    assert document["components"]["schemas"]["Book"]["additionalProperties"] is False
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["cache-control"] == "no-store"
    assert set(listed.headers["allow"].split(", ")) == {"POST", "OPTIONS"}
    assert strange.status_code == 415
    assert text.status_code == 400
    assert spelled.status_code == 404


async def test_page_has_no_external_references(client: httpx.AsyncClient) -> None:
    page = await client.get("/schema")

    assert page.headers["content-type"].startswith("text/html")
    assert '"/items/{item_id}"' in page.text
    for reference in ("src=", "@import", "url(", "http://", "https://", "//cdn"):
        assert reference not in page.text


async def test_generated_client_parses_each_error(
    client: httpx.AsyncClient,
    document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "openapi.json").write_bytes(msgspec.json.encode(document))
    generated = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable, "-m", "openapi_python_client", "generate",
            "--path", "openapi.json", "--output-path", "generated_client", "--meta", "none",
            "--fail-on-warning",
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert generated.returncode == 0, generated.stdout + generated.stderr
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module("generated_client").Client(base_url="http://service")
    problem = importlib.import_module("generated_client.models").Problem
    parsed = 0
    for path, operations in document["paths"].items():
        for operation in operations.values():
            name = f"generated_client.api.{operation['tags'][0]}.{operation['operationId']}"
            module = importlib.import_module(name)
            for status, response in operation["responses"].items():
                if PROBLEM_JSON in resolved(document, response).get("content", {}):
                    body = {"title": "t", "status": int(status), "detail": "d", "request_id": "r"}
                    answer = httpx.Response(int(status), json=body)
                    answer.headers["content-type"] = PROBLEM_JSON
                    found = module._parse_response(client=own, response=answer)
                    assert isinstance(found, problem), (path, status)
                    parsed += 1
    assert parsed > 40
