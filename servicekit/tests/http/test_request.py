"""Requests are taken literally: media types, numbers, ids and preconditions."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Controller, Request, post
from litestar.params import JSONBody

from app.main import create_app
from app.settings import Settings
from servicekit.domain import Domain
from servicekit.http.idempotency import idempotency_key_of
from servicekit.parts import Parts
from servicekit.pipeline import service
from servicekit.testing.service import problem_of, serving, with_empty_cache

TEA: dict[str, Any] = {"name": "tea", "price_cents": 350}
BODY = json.dumps(TEA).encode()
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(with_empty_cache(settings))) as client:
        yield client


async def created(client: httpx.AsyncClient) -> str:
    return (await client.post("/items", json=TEA)).headers["location"]


async def changed(client: httpx.AsyncClient, method: str, headers: Any) -> httpx.Response:
    """The response to a change of a new item; 412 must not change it. A header's `{tag}` stands for
    what the quotes of the item's entity tag enclose."""
    path = await created(client)
    item = await client.get(path)
    before, tag = item.json(), item.headers["etag"].strip('"')
    content = None if method == "DELETE" else BODY
    filled = [(name, value.replace("{tag}", tag).encode()) for name, value in headers]
    sent = [("content-type", JSON.encode()), *filled]
    response = await client.request(method, path, content=content, headers=sent)
    if response.status_code == 412:
        assert problem_of(response)["status"] == 412
        assert (await client.get(path)).json() == before
    return response


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "sent",
    [
        "application/xml",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/problem+json",
        "application/json; charset=utf-16",
        "application/jsonx",
        "nonsense",
    ],
)
async def test_body_of_another_media_type_is_415_with_the_accepted_types(
    client: httpx.AsyncClient, method: str, sent: str
) -> None:
    path = "/items" if method == "POST" else await created(client)
    response = await client.request(method, path, content=BODY, headers={"content-type": sent})

    assert response.status_code == 415
    assert problem_of(response)["status"] == 415
    accepted = f"{JSON}, {MERGE_PATCH}" if method == "PATCH" else JSON
    assert response.headers["accept"] == accepted
    assert response.headers.get("accept-patch") == (accepted if method == "PATCH" else None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "sent", [JSON, "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", None]
)
async def test_json_body_is_accepted(
    client: httpx.AsyncClient, method: str, sent: str | None
) -> None:
    path = "/items" if method == "POST" else await created(client)
    headers = {"content-type": sent} if sent else {}
    response = await client.request(method, path, content=BODY, headers=headers)

    assert response.is_success


@pytest.mark.parametrize("method, status", [("PATCH", 200), ("PUT", 415)])
async def test_merge_patch_is_accepted_by_patch_alone(
    client: httpx.AsyncClient, method: str, status: int
) -> None:
    path = await created(client)
    headers = {"content-type": MERGE_PATCH}
    response = await client.request(method, path, content=BODY, headers=headers)

    assert response.status_code == status


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "zstd"])
async def test_body_with_a_content_coding_is_415(client: httpx.AsyncClient, coding: str) -> None:
    headers = {"content-type": JSON, "content-encoding": coding}
    response = await client.post("/items", content=gzip.compress(BODY), headers=headers)

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    assert "accept" not in response.headers
    lines = [("content-encoding", "identity"), *headers.items()]  # several lines are one list
    assert (await client.post("/items", content=BODY, headers=lines)).status_code == 415
    plain = await client.post(
        "/items", content=BODY, headers={**headers, "content-encoding": "identity"}
    )
    assert plain.status_code == 201


@pytest.mark.parametrize("number", ['"7"', '"1e2"', "true", "null", "7.5", "[7]", "1e400"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_value_that_is_no_number_is_400_with_its_path(
    client: httpx.AsyncClient, method: str, number: str
) -> None:
    path = "/items" if method == "POST" else await created(client)
    body = b'{"name": "tea", "price_cents": %b}' % number.encode()
    response = await client.request(method, path, content=body, headers={"content-type": JSON})

    assert response.status_code == 400
    problems = problem_of(response)["errors"]
    assert isinstance(problems, list)
    assert problems[0]["key"] == "price_cents"
    assert problems[0]["source"] == "body"


@pytest.mark.parametrize("number, value", [("7", 7), ("7.0", 7), ("1e2", 100), ("-0.0", 0)])
async def test_number_without_a_fraction_is_an_integer(
    client: httpx.AsyncClient, number: str, value: int
) -> None:
    body = b'{"name": "tea", "price_cents": %b}' % number.encode()
    response = await client.post("/items", content=body, headers={"content-type": JSON})

    assert (response.status_code, response.json()["price_cents"]) == (201, value)


@pytest.mark.parametrize(
    "rest",
    [
        b'"name": "\\ud800"}',
        b'"name": "tea", "\\udfff": 1}',
        b'"name": "tea"',
        b'"name": "tea"} {}',
        b'"name": "tea", "price_cents": NaN}',
        b'"name": "tea", "price_cents": ' + b"9" * 5_000 + b"}",
        b'"name": "\xff"}',
        b'"name": ' + b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_body_that_is_not_valid_beside_a_number_without_a_fraction_is_400(
    client: httpx.AsyncClient, method: str, rest: bytes
) -> None:
    path = "/items" if method == "POST" else await created(client)
    body = b'{"price_cents": 7.0, ' + rest
    for key in ({}, {"idempotency-key": "k"}):
        headers = {"content-type": JSON, **key}
        response = await client.request(method, path, content=body, headers=headers)
        assert response.status_code == 400
        assert problem_of(response)["status"] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_request_without_a_body_is_400_and_says_so(
    client: httpx.AsyncClient, method: str
) -> None:
    response = await client.request(method, "/items" if method == "POST" else "/items/1")

    assert response.status_code == 400
    assert problem_of(response)["errors"] == [{"message": "A body is needed", "source": "body"}]


class Note(msgspec.Struct):
    """Its unknown fields are skipped, and not read."""

    text: str


class NoteController(Controller):
    path = "/notes"

    @post()
    async def add_note(self, request: Request[Any, Any, Any], data: JSONBody[Note]) -> str:
        return (await idempotency_key_of(request, data.text)).key


@pytest.mark.parametrize("unread", ["1e400", "1" * 5_000])
async def test_idempotent_body_whose_unread_part_is_not_valid_is_400(
    settings: Settings, unread: str
) -> None:
    app = service(Parts(with_empty_cache(settings)), [Domain(controller=NoteController)])
    async with serving(app) as client:
        body = f'{{"text": "a", "more": {unread}}}'
        response = await client.post("/notes", content=body, headers={"content-type": JSON})

    assert response.status_code == 400
    assert problem_of(response)["status"] == 400


@pytest.mark.parametrize(
    "value", ["5.0", "1e1", "+5", " 5", "05", "5_0", "\u0665", "0x5", "", "-0.0"]
)
@pytest.mark.parametrize("name", ["limit", "after"])
async def test_query_that_is_no_integer_is_400(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    for times in (1, 3):
        response = await client.get("/items", params={name: [value] * times})

        assert response.status_code == 400
        problems = problem_of(response)["errors"]
        assert problems == [{"message": "Expected `int`", "key": name, "source": "query"}]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "spelling", ["+{}", "%20{}", "{}%20", "0{}", "{}_0", "{}.0", "{}e0", "%D9%A1", "%2B{}"]
)
async def test_id_in_another_spelling_is_404_and_changes_nothing(
    client: httpx.AsyncClient, method: str, spelling: str
) -> None:
    path = await created(client)
    item_id = path.rpartition("/")[2]
    body = BODY if method in {"PUT", "PATCH"} else None
    response = await client.request(
        method, "/items/" + spelling.format(item_id), content=body, headers={"content-type": JSON}
    )

    assert response.status_code == 404
    assert (await client.get(path)).json()["version"] == 1


WRITES = pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])


@WRITES
@pytest.mark.parametrize(
    "lines",
    [
        ["*"],
        ['"{tag}"'],
        ['W/"{tag}"'],
        ['"0", "{tag}"'],
        ['"0"', '"{tag}"'],
        ['"a,b", "{tag}"'],
    ],
)
async def test_if_none_match_of_the_current_version_is_412(
    client: httpx.AsyncClient, method: str, lines: list[str]
) -> None:
    headers = [("if-none-match", line) for line in lines]

    assert (await changed(client, method, headers)).status_code == 412


@WRITES
@pytest.mark.parametrize(
    "tag",
    ['"2"', '"0{tag}"', '" {tag}"', '"{tag}" x', '"{tag} "', "'{tag}'", '"\u0661"', '""', "{tag}"],
)
async def test_if_none_match_of_another_tag_lets_the_change_happen(
    client: httpx.AsyncClient, method: str, tag: str
) -> None:
    assert (await changed(client, method, [("if-none-match", tag)])).is_success


@WRITES
@pytest.mark.parametrize(
    "tag",
    [
        '"0{tag}"',
        '"{tag} "',
        '"+{tag}"',
        '"{tag}.0"',
        'W/"{tag}"',
        'w/"{tag}"',
        '"{tag}"x',
        "{tag}",
        "",
    ],
)
async def test_if_match_compares_octet_by_octet(
    client: httpx.AsyncClient, method: str, tag: str
) -> None:
    assert (await changed(client, method, [("if-match", tag)])).status_code == 412


@WRITES
@pytest.mark.parametrize(
    "lines, holds",
    [
        (['"0"', '"{tag}"'], True),
        (['"{tag}"', '"0"'], True),
        (['"0", "5"', 'W/"{tag}", "{tag}"'], True),
        (['"0"', '"2"'], False),
    ],
)
async def test_field_lines_of_if_match_are_one_list(
    client: httpx.AsyncClient, method: str, lines: list[str], holds: bool
) -> None:
    response = await changed(client, method, [("if-match", line) for line in lines])

    assert response.is_success if holds else response.status_code == 412


@WRITES
@pytest.mark.parametrize(
    "if_match, if_none_match, status",
    [
        ('"{tag}"', '"2"', 200),
        ('"{tag}"', '"{tag}"', 412),
        ('"2"', '"2"', 412),
        ("*", '"{tag}"', 412),
        ("*", "*", 412),
        ("*", '"2"', 200),
    ],
)
async def test_both_preconditions_have_to_hold(
    client: httpx.AsyncClient, method: str, if_match: str, if_none_match: str, status: int
) -> None:
    headers = [("if-match", if_match), ("if-none-match", if_none_match)]
    response = await changed(client, method, headers)

    assert response.status_code == (204 if status == 200 and method == "DELETE" else status)


@pytest.mark.parametrize("name", ["if-match", "if-none-match"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_precondition_on_an_unknown_item_is_404(
    client: httpx.AsyncClient, method: str, name: str
) -> None:
    body = None if method == "DELETE" else BODY
    headers = {"content-type": JSON, name: "*"}
    response = await client.request(method, "/items/999999999", content=body, headers=headers)

    assert response.status_code == 404


async def test_body_that_is_not_valid_is_400_whatever_the_precondition(
    client: httpx.AsyncClient,
) -> None:
    response = await client.put(
        await created(client), json={"name": "tea"}, headers={"if-match": '"0"'}
    )

    assert response.status_code == 400
