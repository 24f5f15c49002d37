"""Hostile requests to a server as production runs it."""

import gzip
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.service import with_empty_cache
from servicekit.testing.waiting import HANG
from servicekit.tests.served import server_process

JSON = b"Content-Type: application/json\r\n"
TEA = b'{"name": "tea", "price_cents": 1}'


@pytest.fixture(scope="module")
def port(settings: Settings) -> Iterator[int]:
    # The embedded server asks for no password, and so takes any.
    url = settings.database_url.replace("postgres@", "postgres:hunter2@")
    production = replace(
        with_empty_cache(settings),
        database_url=url,
        environment="production",
        port=free_port(),
        request_timeout=1,
        drain_time=0,
    )
    with server_process(production) as process:
        ask(production.port, post(TEA, b"Authorization: Bearer hunter2\r\n"))
        yield production.port
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=HANG)
    lines = [json.loads(line) for line in output.splitlines()]  # each is one JSON object
    assert not [line for line in lines if line["level"] == "error"]
    assert "hunter2" not in output
    assert "forged" not in {line["level"] for line in lines}


def post(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    head = b"POST /items HTTP/1.1\r\nHost: x\r\n" + JSON + length + b"".join(headers)
    return head + b"\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n" % path + b"".join(headers) + b"\r\n"


def ask(port: int, sent: bytes) -> int:
    """The status of the only answer to `sent`; the connection may end before all is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=HANG) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        answer = connection.recv(65536)
    assert answer.count(b"HTTP/1.1 ") == 1
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        (b"Host: x\r\n", b"Host: y\r\n"),
        (b"Host: x\r\n", b"Host: x\r\n"),
        (b"Host:\r\n",),
        (b"Host: x/../y\r\n",),
        (b"Host: a@b\r\n",),
    ],
)
@pytest.mark.parametrize("path", [b"/health", b"/items/1", b"/no"])
def test_request_without_one_valid_host_is_400(
    port: int, path: bytes, hosts: tuple[bytes, ...]
) -> None:
    assert ask(port, get(path, b"Host: [::1]:80\r\n")) in {200, 404}  # and now it is hot
    assert ask(port, get(path, *hosts)) == 400


def test_http_1_0_needs_no_host(port: int) -> None:
    """haproxy's health checks come so."""
    with socket.create_connection(("127.0.0.1", port), timeout=HANG) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize(
    "codings", [(b"identity", b"chunked"), (b"gzip, chunked",), (b"chunked", b"chunked")]
)
def test_body_with_several_transfer_codings_is_400(port: int, codings: tuple[bytes, ...]) -> None:
    headers = (b"Host: x\r\n", *(b"Transfer-Encoding: %b\r\n" % coding for coding in codings))
    hidden = b"0\r\n\r\n" + get(b"/health", b"Host: x\r\n")
    assert ask(port, get(b"/health", *headers) + hidden) == 400


@pytest.mark.parametrize("size", [b"-1", b"0x5", b"1" + b"0" * 16])
def test_malformed_chunk_is_400(port: int, size: bytes) -> None:
    head = b"POST /items HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + JSON + b"\r\n"
    assert ask(port, head + size + b"\r\nhello\r\n") == 400


@pytest.mark.parametrize(
    "body, statuses",
    [
        (b'{"name": "' + b"x" * 1_000_000 + b'", "price_cents": 1}', {413}),
        (b"[" * 200_000, {400}),
        (b'{"name": "x", "price_cents": ' + b"1" * 100_000 + b"}", {400}),
        (b'{"name": "x", "price_cents": 1e999999}', {400}),
        (b'{"name": "x", "price_cents": NaN}', {400}),
        (b'{"name": "\xff\xfe", "price_cents": 1}', {400}),
        (b'{"name": "a\\u0000b", "price_cents": 1}', {400}),
        (b'{"name": "\\ud800", "price_cents": 1}', {400}),
        (b"", {400}),
        (gzip.compress(TEA, mtime=0), {400}),
    ],
)
def test_body_that_is_no_item_is_4xx(port: int, body: bytes, statuses: set[int]) -> None:
    assert ask(port, post(body)) in statuses


def test_body_with_too_many_chunks_is_413(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = b"POST /items HTTP/1.1\r\nHost: x\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    assert ask(port, head + chunk * 20 + b"0\r\n\r\n") == 413


def test_body_that_does_not_come_is_408_at_the_deadline(port: int) -> None:
    assert ask(port, post(TEA)[:-10]) == 408


@pytest.mark.parametrize(
    "sent",
    [
        get(b"/items", b"Host: x\r\n", b"X: " + b"a" * 1_000_000 + b"\r\n"),
        get(b"/items", b"Host: x\r\n", *(b"X%d: y\r\n" % n for n in range(5_000))),
        get(b"/items/" + b"1" * 100_000, b"Host: x\r\n"),
        get(b"/items/1%3BDROP%20TABLE%20items", b"Host: x\r\n"),
        get(b"/items?limit=1%20OR%201=1", b"Host: x\r\n"),
        get(b"/items?after=" + b"9" * 5_000, b"Host: x\r\n"),
        get(b"/data/%00", b"Host: x\r\n"),
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        get(b"/data/x%0d%0aInjected:%20yes", b"Host: x\r\n"),
        get(b"/items/x", b"Host: x\r\n", b'X-Request-ID: a"}\t{"level":"forged"}\r\n'),
        post(TEA, b"Idempotency-Key: " + b"k" * 5_000 + b"\r\n"),
    ],
)
def test_hostile_request_head_is_4xx(port: int, sent: bytes) -> None:
    assert 400 <= ask(port, sent) < 500


def test_sql_in_a_name_is_stored_as_text(port: int) -> None:
    assert ask(port, post(b'{"name": "\'; DROP TABLE items; --", "price_cents": 1}')) == 201
    assert ask(port, get(b"/items", b"Host: x\r\n")) == 200
