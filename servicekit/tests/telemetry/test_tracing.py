import json
import logging
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.main import create_app
from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.fake_upstream import FakeUpstream
from servicekit.testing.service import serving, with_empty_cache
from servicekit.testing.waiting import HANG
from servicekit.tests.collector import OtlpReceiver
from servicekit.tests.served import server_process


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OtlpReceiver]:
    async with OtlpReceiver.serving() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        yield collector


@pytest.fixture
async def traced_client(
    collector: OtlpReceiver, settings: Settings
) -> AsyncIterator[httpx.AsyncClient]:
    traced = replace(with_empty_cache(settings), otel_exporter_otlp_endpoint=collector.url)
    async with serving(create_app(traced)) as client:
        yield client


def new_trace(sampled: bool = True) -> tuple[str, str]:
    """An id, and the W3C header of a caller that began it."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-{'01' if sampled else '00'}"


def attributes(span: Span) -> dict[str, object]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "")
        for each in span.attributes
    }


async def test_cold_read_has_a_span_for_each_wait(
    traced_client: httpx.AsyncClient, collector: OtlpReceiver, upstream: FakeUpstream
) -> None:
    upstream.answers("t1", b"{}")
    trace_id, parent = new_trace()
    await traced_client.get("/data/t1", headers={"traceparent": parent, "x-request-id": "mine"})
    spans = await collector.trace(trace_id, 4)

    assert set(spans) == {"GET /data/{data_id}", "cache read", "cache load", "upstream"}
    root, load = spans["GET /data/{data_id}"], spans["cache load"]
    assert root.parent_span_id.hex() == parent.split("-")[2]
    assert load.parent_span_id == root.span_id
    assert spans["upstream"].parent_span_id == load.span_id
    assert spans["upstream"].kind == Span.SPAN_KIND_CLIENT
    assert attributes(root) == {
        "http.request.method": "GET",
        "url.path": "/data/t1",
        "http.route": "/data/{data_id}",
        "http.response.status_code": 200,
        "request.id": "mine",
    }


async def test_query_is_part_of_its_request(
    traced_client: httpx.AsyncClient, collector: OtlpReceiver
) -> None:
    trace_id, parent = new_trace()
    await traced_client.get("/items", headers={"traceparent": parent})
    spans = await collector.trace(trace_id, 2)
    assert spans["query"].parent_span_id == spans["GET /items"].span_id


async def test_answer_from_memory_is_traced_too(
    traced_client: httpx.AsyncClient, collector: OtlpReceiver, upstream: FakeUpstream
) -> None:
    upstream.answers("t2", b"{}")
    await traced_client.get("/data/t2")
    trace_id, parent = new_trace()
    answer = await traced_client.get("/data/t2", headers={"traceparent": parent})
    assert answer.headers["cache-status"] == "memory; hit"
    assert set(await collector.trace(trace_id, 1)) == {"GET /data/{data_id}"}


async def test_trace_of_xray_is_continued_and_passed_on(
    traced_client: httpx.AsyncClient, collector: OtlpReceiver, upstream: FakeUpstream
) -> None:
    upstream.answers("t3", b"{}")
    trace_id, _ = new_trace()
    header = f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={secrets.token_hex(8)};Sampled=1"
    await traced_client.get("/data/t3", headers={"x-amzn-trace-id": header})
    spans = await collector.trace(trace_id, 4)

    sent = upstream.headers["t3"]
    span_id = spans["upstream"].span_id.hex()
    assert sent["traceparent"] == f"00-{trace_id}-{span_id}-01"
    assert sent["x-amzn-trace-id"] == (
        f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled=1"
    )


@pytest.mark.parametrize(
    "state, passed_on",
    [
        ("a=1,b=2", "a=1,b=2"),
        (",".join(f"k{n}={'x' * 200}" for n in range(30)), None),
        ("\u00e9,,=,a", None),
    ],
)
async def test_state_of_a_trace_is_passed_on_if_it_is_short_and_logged_in_no_case(
    traced_client: httpx.AsyncClient,
    upstream: FakeUpstream,
    capfd: pytest.CaptureFixture[str],
    state: str,
    passed_on: str | None,
) -> None:
    upstream.answers("t4", b"{}")
    headers = [("traceparent", new_trace()[1]), ("tracestate", state.encode())]
    assert (await traced_client.get("/data/t4", headers=headers)).status_code == 200
    logging.getLogger().handlers[0].flush()
    assert "opentelemetry" not in capfd.readouterr().out
    assert upstream.headers["t4"].get("tracestate") == passed_on


async def test_unsampled_and_new_traces_make_no_spans(
    traced_client: httpx.AsyncClient, collector: OtlpReceiver
) -> None:
    _, unsampled = new_trace(sampled=False)
    await traced_client.get("/items", headers={"traceparent": unsampled})
    await traced_client.get("/items")  # the sampler of these tests takes no new ones
    trace_id, parent = new_trace()
    await traced_client.get("/health", headers={"traceparent": parent})
    await collector.trace(trace_id, 1)
    assert {span.trace_id.hex() for span in collector.spans} == {trace_id}


async def test_ids_are_in_each_line_of_the_request(
    settings: Settings, collector: OtlpReceiver, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = replace(
        with_empty_cache(settings),
        environment="production",
        access_log_share=1,
        otel_exporter_otlp_endpoint=collector.url,
    )
    async with serving(create_app(logs)) as client:
        trace_id, parent = new_trace()
        await client.get("/items", headers={"traceparent": parent})
    logging.getLogger().handlers[0].flush()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line["logger"] == "access"]
    root = (await collector.trace(trace_id, 2))["GET /items"]
    assert (line["trace_id"], line["span_id"]) == (trace_id, root.span_id.hex())


def traced_by(settings: Settings, port: int) -> Settings:
    return replace(
        with_empty_cache(settings),
        environment="production",
        port=free_port(),
        drain_time=0,
        otel_exporter_otlp_endpoint=f"http://127.0.0.1:{port}",
    )


def test_collector_that_refuses_is_logged_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    own = traced_by(settings, free_port())
    with server_process(own) as process, httpx.Client(timeout=HANG) as client:
        for _ in range(50):  # in several batches
            assert client.get(f"http://127.0.0.1:{own.port}/items").status_code == 200
        process.terminate()
        output, _ = process.communicate(timeout=HANG)
    messages = [json.loads(line)["message"] for line in output.splitlines()]
    said = [message for message in messages if "traces" in message]
    assert said == ["traces can't be delivered; they are dropped until they can"]


@pytest.mark.slow("waits for the last spans at the end of a process")
def test_collector_that_never_answers_holds_up_neither_requests_nor_the_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(10 * HANG))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        own = traced_by(settings, silent.getsockname()[1])
        with server_process(own) as process, httpx.Client(timeout=HANG) as client:
            for _ in range(50):
                assert client.get(f"http://127.0.0.1:{own.port}/items").status_code == 200
            silent.settimeout(HANG)
            with silent.accept()[0]:  # a batch is under way
                assert client.get(f"http://127.0.0.1:{own.port}/items").status_code == 200
                process.terminate()
                process.communicate(timeout=HANG)
    assert process.returncode == 0


def test_service_without_traces_does_not_load_them() -> None:
    # redis-py loads OpenTelemetry's metrics wherever they are installed
    code = "import sys, app.main; print(*(name for name in sys.modules if 'opentelemetry' in name))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "opentelemetry.sdk.trace" not in shown.stdout
    assert "opentelemetry.exporter" not in shown.stdout
