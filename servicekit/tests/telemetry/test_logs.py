import fcntl
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from litestar import get
from msgspec.structs import replace

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.logs import ConsoleFormatter, JSONFormatter
from servicekit.telemetry.stdout import StdoutHandler
from servicekit.testing.service import serving, with_empty_cache
from servicekit.testing.waiting import HANG
from servicekit.tests.clock import ManualClock
from servicekit.tests.scraping import settled, value
from servicekit.tests.served import server_process

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Lines:
    """The lines that this process has logged since the last call."""

    def look() -> list[dict[str, object]]:
        logging.getLogger().handlers[0].flush()
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return look


async def test_answer_is_one_line_with_route_status_and_time(
    settings: Settings, logged: Lines
) -> None:
    every = replace(with_empty_cache(settings), environment="production", access_log_share=1)
    async with serving(create_app(every)) as client:
        created = await client.post("/items", json={"name": "tea", "price_cents": 1})
        for _ in range(2):  # the second one from memory
            await client.get(created.headers["location"], headers={"x-request-id": "mine"})
        await client.get("/no%0A%1B[1m")
    lines = [line for line in logged() if line["logger"] == "access"]

    assert [(line["route"], line["status"]) for line in lines] == [
        ("/items", 201),
        ("/items/{item_id}", 200),
        ("/items/{item_id}", 200),
        ("(none)", 404),
    ]
    assert [line["request_id"] for line in lines[1:3]] == ["mine", "mine"]
    assert all(0 < float(str(line["duration_ms"])) < 5000 for line in lines)
    assert lines[3]["message"] == "GET /no%0A%1B%5B1m 404"


async def test_line_of_a_request_carries_its_id(settings: Settings, logged: Lines) -> None:
    @get("/speaks")
    async def speaks() -> None:
        logging.getLogger("domain").warning("said")

    app = create_app(replace(settings, environment="production"))
    app.app.register(speaks)
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] (Litestar's own Scope type)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await client.get("/speaks", headers={"x-request-id": "mine"})
    (line,) = [line for line in logged() if line["logger"] == "domain"]
    assert line["request_id"] == "mine"


def test_share_of_the_good_answers_is_logged_and_every_bad_or_slow_one(settings: Settings) -> None:
    access = AccessLog(replace(settings, access_log_share=0.1, slow_request=0.5))
    logged = sum(access.due(200, 0.001) for _ in range(10_000))
    assert 800 < logged < 1200
    assert all(access.due(500, 0.001) and access.due(200, 0.5) for _ in range(100))
    none = AccessLog(replace(settings, access_log_share=0))
    assert not any(none.due(200, 0.001) for _ in range(1000))


def test_many_slow_responses_are_logged_as_a_count(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    access = AccessLog(replace(settings, access_log_share=0, slow_request=0.5), clock)
    with caplog.at_level(logging.INFO, "access"):
        assert sum(access.due(200, 0.5) for _ in range(1000)) == 100
        clock.advance(1)
        assert access.due(200, 0.5)
    assert caplog.messages == ["900 more slow responses"]


def test_console_shows_fields_beside_the_message_and_the_trace_below() -> None:
    try:
        raise ValueError("wrong")
    except ValueError as error:
        record = logging.LogRecord(
            "app", logging.ERROR, "", 0, "failed", None, (type(error), error, None)
        )
    record.item = 7
    first, *rest = ConsoleFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first == "ERROR failed item=7"
    assert rest == ["ValueError: wrong"]


def test_record_that_cannot_be_formatted_stops_no_later_record(
    capfd: pytest.CaptureFixture[str],
) -> None:
    handler = StdoutHandler()
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("x",), "levelname": "INFO"}))
    assert "TypeError" in capfd.readouterr().err


def full_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


def test_full_pipe_drops_lines_and_reports_their_number_once() -> None:
    reading, writing = full_pipe()
    handler = StdoutHandler(writing)
    handler.setFormatter(JSONFormatter())
    for number in range(12_000):  # 10,000 fit into the queue, and the thread holds one
        handler.handle(logging.makeLogRecord({"msg": f"line {number}", "levelname": "INFO"}))
    assert 1_999 <= handler.dropped <= 2_000

    os.read(reading, 4096)
    text = b""
    while b"were dropped" not in text:
        text += os.read(reading, 65536)
    lines = [json.loads(line) for line in text.splitlines()]
    reports = [line for line in lines if line["message"] == "log lines were dropped"]
    assert [line["lines"] for line in reports] == [handler.dropped]
    assert len(lines) == 12_000 - handler.dropped + 1


def test_full_disk_is_reported_once_and_later_lines_are_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    handler = StdoutHandler(full)
    handler.setFormatter(JSONFormatter())
    for number in range(3):
        handler.handle(logging.makeLogRecord({"msg": f"lost {number}", "levelname": "INFO"}))
    handler.flush()
    assert capfd.readouterr().err == "The log can't be written: No space left on device.\n"
    assert handler.dropped == 3

    room = tmp_path / "log"
    os.dup2(os.open(room, os.O_WRONLY | os.O_CREAT), full)
    handler.handle(logging.makeLogRecord({"msg": "again", "levelname": "INFO"}))
    handler.flush()
    messages = [json.loads(line)["message"] for line in room.read_text().splitlines()]
    assert messages == ["again", "log lines were dropped"]


def test_process_whose_log_is_not_read_ends() -> None:
    reading, writing = full_pipe()
    script = (
        "import logging, sys; from servicekit.telemetry.stdout import StdoutHandler;"
        "logging.basicConfig(handlers=[StdoutHandler(int(sys.argv[1]))]);"
        "logging.warning('never read')"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(writing)], pass_fds=[writing], check=True, timeout=HANG
    )
    os.close(reading)


def test_line_with_lone_surrogates_does_not_end_the_writer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    handler = StdoutHandler(os.open(log, os.O_WRONLY | os.O_CREAT))
    for message in ("bad \udc80", "good"):
        handler.handle(logging.makeLogRecord({"msg": message, "levelname": "INFO"}))
    handler.flush()
    assert log.read_text().splitlines() == ["bad \\udc80", "good"]


@pytest.mark.slow("starts the service")
def test_service_whose_log_is_not_read_answers(settings: Settings) -> None:
    own = replace(
        with_empty_cache(settings),
        environment="production",
        port=free_port(),
        admin_port=free_port(2),
        access_log_share=1,
        drain_time=0,
    )
    path = "x" * 200
    with server_process(own) as process, httpx.Client() as client:
        assert process.stdout  # a pipe of 64 KiB that is not read
        for _ in range(250):  # some 400 bytes each
            assert client.get(f"http://127.0.0.1:{own.port}/{path}").status_code == 404
        series = settled(own.admin_port, lambda now: value(now, "asyncio_tasks") > 0)
        assert value(series, "log_lines_dropped_total") == 0  # they wait, up to 10,000
        process.terminate()
        process.wait(HANG)  # and still nobody reads
