"""The two interfaces of Granian give an application the same requests, and send its responses."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from app.settings import Settings
from servicekit.cache.representation import Rendered
from servicekit.dev.processes import free_port
from servicekit.http.rsgi import RsgiService
from servicekit.server.launch import GRANIAN
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.requests import FastPathRecorder
from servicekit.testing.waiting import HANG
from servicekit.tests.served import wait_for

pytestmark = pytest.mark.slow("starts Granian")

HOST = "Host: service\r\n"
_left: list[str] = []  # what became of the requests whose client left


class _Echo:
    """Answers what it was asked, as JSON."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        if scope["path"] == "/left":
            return await self._send(send, json.dumps(_left).encode())
        if scope["path"] in ("/stream", "/broken"):
            return await self._stream(receive, send, scope["path"] == "/broken")
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return _left.append(scope["path"])
            body += message["body"]
            more = message["more_body"]
        if scope["path"] == "/wait":
            assert (await receive())["type"] == "http.disconnect"
            return _left.append(scope["path"])
        headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
        seen = {
            name: scope[name]
            for name in ("type", "http_version", "method", "scheme", "path", "root_path")
        }
        seen |= {"query": scope["query_string"].decode(), "headers": sorted(headers)}
        seen |= {"body": [len(body), body[:20].decode()], "client": scope["client"][0]}
        await self._send(send, json.dumps(seen).encode())

    async def _send(self, send: Any, body: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"x-name", "né".encode("latin-1"))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, receive: Any, send: Any, broken: bool) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        if broken:
            raise TimeoutError
        await send({"type": "http.response.body", "body": b"."})


service = RsgiService(_Echo(), None)


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """The ports of the application behind each interface."""
    ports = {"asgi": free_port(), "rsgi": free_port()}
    processes = [_granian(interface, port) for interface, port in ports.items()]
    try:
        for port, process in zip(ports.values(), processes, strict=True):
            wait_for(f"http://127.0.0.1:{port}/left", process)
        yield ports
    finally:
        for process in processes:
            process.terminate()
            process.wait(HANG)


def _granian(interface: str, port: int) -> subprocess.Popen[str]:
    given = {**GRANIAN, "GRANIAN_FACTORY": "false", "GRANIAN_HOST": "127.0.0.1"}
    given |= {"GRANIAN_INTERFACE": interface, "GRANIAN_PORT": str(port)}
    command = [sys.executable, "-m", "granian", f"{__name__}:service"]
    return subprocess.Popen(command, env=os.environ | given, text=True, start_new_session=True)


def _ask(port: int, request: bytes) -> Any:
    with closing(socket.create_connection(("127.0.0.1", port), HANG)) as connection:
        connection.sendall(request)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), response
    return json.loads(body)


def _request(line: str, headers: str = "", body: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\n{HOST}{headers}Connection: close\r\n\r\n{body}".encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        _request("GET /a%20b/%C3%A9?x=%20&y"),
        _request("GET /%ff/c%2fd"),
        _request("GET http://other/absolute?z=1"),
        _request("GET /", "X-A: 1\r\nX-B: 2\r\nx-a: 3\r\nCookie: a=b\r\nX-Empty:\r\n"),
        _request("DELETE /d"),
        _request("POST /p", "Content-Length: 4\r\n", "text"),
        _request("POST /p", "Content-Length: 0\r\n"),
        _request("POST /p", f"Content-Length: {3 * 2**20}\r\n", "large" + "x" * (3 * 2**20 - 5)),
        _request("PUT /p", CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        _request("PUT /p", CHUNKED, "0\r\n\r\n"),
        _request("PUT /p", f"{CHUNKED}Trailer: X-T\r\n", "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
        b"GET /old HTTP/1.0\r\n\r\n",
    ],
)
def test_requests_are_the_same_by_either_interface(ports: dict[str, int], request_: bytes) -> None:
    by_asgi, by_rsgi = (_ask(port, request_) for port in ports.values())
    without_host = ["host", ""]  # ASGI names it where there is none
    by_asgi["headers"] = [line for line in by_asgi["headers"] if line != without_host]
    assert by_rsgi == by_asgi


def test_header_beyond_ascii_counts_as_given_and_equals_nothing(ports: dict[str, int]) -> None:
    seen = _ask(ports["rsgi"], _request("GET /", "X-A: 1\r\nX-A: 2\r\nIf-Match: \xe9\r\n"))
    assert ["x-a", "1"] in seen["headers"]
    assert ["if-match", "\ufffd".encode().decode("latin-1")] in seen["headers"]


def test_header_of_a_response_beyond_ascii_is_escaped(ports: dict[str, int]) -> None:
    assert httpx.get(f"http://127.0.0.1:{ports['rsgi']}/").headers["x-name"] == r"n\xe9"


def test_entity_tag_beyond_ascii_is_escaped_as_its_header_is(settings: Settings) -> None:
    headers = [(b"etag", '"é"'.encode())]
    recorder = FastPathRecorder("/", None, AccessLog(settings))
    fast = Rendered('"é"'.encode(), b"", headers, headers).for_fast_path(0.0, recorder)
    assert fast.full == fast.unchanged == [("etag", fast.etag)]


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_pieces_of_a_response_are_one_stream(ports: dict[str, int], interface: str) -> None:
    response = httpx.get(f"http://127.0.0.1:{ports[interface]}/stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.text == "012."


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_stream_that_breaks_off_does_not_look_whole(ports: dict[str, int], interface: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{ports[interface]}/broken")


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@pytest.mark.parametrize(
    "path, headers, body",
    [
        ("/length", "Content-Length: 9\r\n", "text"),
        ("/large", f"Content-Length: {3 * 2**20}\r\n", "text"),
        ("/chunked", CHUNKED, "3\r\nabc\r\n2\r\n"),
        ("/bad-chunk", CHUNKED, "3\r\nabc\r\nx\r\n\r\n"),
        ("/wait", "", ""),
    ],
)
def test_client_that_leaves_is_noticed(
    ports: dict[str, int], interface: str, path: str, headers: str, body: str
) -> None:
    port = ports[interface]
    with closing(socket.create_connection(("127.0.0.1", port), HANG)) as connection:
        connection.sendall(_request(f"POST {path}", headers, body))
        time.sleep(0.1)  # its request is being read by then, or not: it has to be noticed anyhow
    deadline = time.monotonic() + HANG
    while path not in httpx.get(f"http://127.0.0.1:{port}/left").json():
        assert time.monotonic() < deadline
        time.sleep(0.02)
