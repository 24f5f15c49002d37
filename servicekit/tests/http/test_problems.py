import json
import logging
from typing import Any, cast

import httpx
import pytest
from litestar import get
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Message, Receive, Scope, Send
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit import errors
from servicekit.auth.tokens import TokenVerifier
from servicekit.http.problems import error_response
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.logs import JSONFormatter
from servicekit.telemetry.requests import RequestLog, RequestRecorder
from servicekit.testing.service import problem_of, serving, with_empty_cache


async def test_every_response_has_a_request_id(client: httpx.AsyncClient) -> None:
    ids = [(await client.get(path)).headers["x-request-id"] for path in ("/health", "/no", "/no")]

    assert len(set(ids)) == 3


async def test_request_id_of_the_client_is_kept(client: httpx.AsyncClient) -> None:
    response = await client.get("/no", headers={"x-request-id": "abc-1"})

    assert response.headers["x-request-id"] == "abc-1"
    assert problem_of(response)["request_id"] == "abc-1"


@pytest.mark.parametrize("sent", ["", "a b", 'a"b', "x" * 129])
async def test_unusable_request_id_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.get("/health", headers={"x-request-id": sent})

    assert response.headers["x-request-id"] not in {"", sent}


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/no", 404), ("DELETE", "/items", 405), ("PATCH", "/health", 405)],
)
async def test_unknown_route_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)

    assert response.status_code == status
    assert set(problem_of(response)) == {"title", "status", "detail", "request_id"}


async def test_defect_is_500_without_a_traceback_and_logged_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    @get("/defect")
    async def defect() -> None:
        raise KeyError("secret detail")

    app = create_app(settings)
    app.app.register(defect)
    caplog.clear()
    logging.getLogger().addHandler(caplog.handler)  # create_app set up the handlers anew
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType] (Litestar's own Scope type)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        response = await client.get("/defect")

    assert response.status_code == 500
    assert "secret" not in response.text
    defects = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in defects] == ["unhandled exception"]
    assert vars(defects[0])["request_id"] == problem_of(response)["request_id"]


def test_log_line_is_one_json_object() -> None:
    record = logging.LogRecord("app", logging.WARNING, "", 0, "two\nlines %s", ("x",), None)
    record.error = "shown"
    line = JSONFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line) | {"level": "warning", "message": "two\nlines x", "error": "shown"} == (
        json.loads(line)
    )


@pytest.mark.parametrize(
    "error", [KeyError("secret"), RecursionError(), ValueError("x"), OSError()]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_defect_outside_the_routes_is_a_problem_like_any_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, method: str
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(TokenVerifier, "verify", fail)
    guarded = replace(settings, auth_issuer="https://a.example", auth_audience="b")
    async with serving(create_app(guarded)) as client:
        response = await client.request(method, "/items", json={})

    assert response.status_code == 500
    assert problem_of(response)["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in response.text
    assert (response.headers.get("connection") == "close") is (method == "POST")


async def test_error_after_the_response_began_ends_the_connection(settings: Settings) -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("late")

    log = RequestLog(half, RequestRecorder(None, AccessLog(settings)))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = cast(
        "HTTPScope", {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {}}
    )
    with pytest.raises(KeyError):
        await log(scope, cast("Receive", None), send)
    assert [message["type"] for message in sent] == ["http.response.start"]


class _OutOfStock(errors.IdempotencyConflict):
    pass


class _Undeclared(errors.ServiceError):
    pass


@pytest.mark.parametrize(
    "error, status",
    [
        (_OutOfStock("None left."), 422),
        (_Undeclared("Odd."), 500),
        (HTTPException("odd", status_code=499), 499),
        (HTTPException("odd", status_code=299, extra=[{"value": object()}]), 299),
        (RecursionError(), 500),
    ],
)
def test_any_error_has_a_problem(error: Exception, status: int) -> None:
    scope = cast("HTTPScope", {"method": "GET", "state": {"request_id": "1"}})
    response = error_response(scope, error)
    assert response.status == json.loads(response.body)["status"] == status


@pytest.mark.parametrize("part", ["_admits", "_paths", "_admission"])
async def test_request_whose_fast_path_fails_gets_its_response_from_the_slow_path(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    app: Any = create_app(with_empty_cache(settings))
    async with serving(app) as client:
        sources = [(await client.get("/data/d9")).json()["source"] for _ in range(3)]
        assert sources == ["external", "memory", "memory"]
        monkeypatch.setattr(app._service, part, None)
        response = await client.get("/data/d9")
    assert (response.status_code, response.json()["source"]) == (200, "memory")
