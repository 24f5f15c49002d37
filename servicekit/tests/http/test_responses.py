"""A `JsonResponse` is sent as Litestar's own response with the same arguments."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from litestar import Litestar, Response, get
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, ResponseHeader
from litestar.testing import AsyncTestClient

from servicekit.http.plugin import HttpPlugin
from servicekit.http.responses import JsonResponse


class Money:
    """Of no type that is encoded by itself."""


class Grams:
    """Nor this one."""


class Package(msgspec.Struct):
    holds: Grams


MADE: dict[str, Callable[[type[Response[Any]]], Response[Any]]] = {
    "plain": lambda kind: kind({"name": "tea"}),
    "status": lambda kind: kind([1, 2], status_code=203),
    "headers in capitals": lambda kind: kind("tea", headers={"ETag": '"1"', "X-Own": "a"}),
    "headers in a list": lambda kind: kind("tea", headers=[ResponseHeader("X-Own", value="a")]),
    "a declared header given": lambda kind: kind("tea", headers={"X-Declared": "given"}),
    "its own media type": lambda kind: kind({"a": 1}, media_type="application/vnd.tea+json"),
    "its own content type": lambda kind: kind({}, headers={"Content-Type": "application/x+json"}),
    "text": lambda kind: kind("tea", media_type="text/plain"),
    "bytes": lambda kind: kind(b"[1]"),
    "no content": lambda kind: kind(None, status_code=204),
    "cookie": lambda kind: kind({}, cookies=[Cookie("a", "b")]),
    "decimal": lambda kind: kind({"price": Decimal("3.5")}),
    "an encoder of the response": lambda kind: kind(Grams(), type_encoders={Grams: lambda _: "g"}),
    "struct with an encoder": lambda kind: kind(
        Package(Grams()), type_encoders={Grams: lambda _: "g"}
    ),
    "an encoder of the application": lambda kind: kind([Money()]),
    "both encoders": lambda kind: kind([Money(), Grams()], type_encoders={Grams: lambda _: "g"}),
}


def application(kind: type[Response[Any]], made: str) -> Litestar:
    @get(
        "/",
        response_headers=[ResponseHeader("X-Declared", value="declared")],
        sync_to_thread=False,
    )
    def answer() -> Response[Any]:
        return MADE[made](kind)

    return Litestar([answer], plugins=[HttpPlugin()], type_encoders={Money: lambda _: "3.50"})


@pytest.mark.parametrize("made", MADE)
async def test_response_is_the_same_as_litestars(made: str) -> None:
    received = []
    for kind in (Response, JsonResponse):
        async with AsyncTestClient(application(kind, made)) as client:
            response = await client.get("/")
            headers = sorted(response.headers.multi_items())
            received.append((response.status_code, headers, response.content))
    assert received[0] == received[1]
    assert received[1][0] < 300


async def test_headers_that_are_set_later_are_not_in_the_dictionary_that_was_given() -> None:
    given = {"ETag": '"1"'}
    response = JsonResponse({}, headers=given)
    response.set_header("X-Own", "a")
    assert given == {"ETag": '"1"'}
    assert response.headers == {"ETag": '"1"', "X-Own": "a"}


async def test_background_task_of_a_response_runs() -> None:
    ran: list[str] = []

    @get("/", sync_to_thread=False)
    def answer() -> JsonResponse[dict[str, int]]:
        return JsonResponse({"a": 1}, background=BackgroundTask(ran.append, "after"))

    async with AsyncTestClient(Litestar([answer], plugins=[HttpPlugin()])) as client:
        assert (await client.get("/")).json() == {"a": 1}
    assert ran == ["after"]
