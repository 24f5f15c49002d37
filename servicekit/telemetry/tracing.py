"""Traces by OpenTelemetry; imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

from litestar.types import HTTPScope, Message, Receive, Scope, Send
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, SpanKind, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.http.rsgi import Service
from servicekit.telemetry.logs import LOG_CONTEXT
from servicekit.telemetry.requests import METHODS, OTHER_METHOD
from servicekit.telemetry.spans import Spans

logger = logging.getLogger(__name__)

_SHUTDOWN_TIMEOUT = 2.0  # seconds for the last spans at the end
# W3C Trace Context, section 3.3.1.5. A client's longer tracestate could make an upstream refuse.
_MAX_HEADER = 512

# Of a client that sends both headers, traceparent counts.
_PROPAGATOR = CompositePropagator([AwsXRayPropagator(), TraceContextTextMapPropagator()])
# as the server names a header → as its propagator does
_TRACE_HEADERS = {name.lower().encode(): name for name in _PROPAGATOR.fields}


class Tracing(Spans):
    """Spans, sampled and sent as the standard variables say (OTEL_…, see `server/launch.py`)."""

    def __init__(self) -> None:
        # It logs each failed export, and each header of a client's that it can't read, which would
        # fill the log of a healthy service.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_StateLoggingExporter()))
        self._tracer = self._provider.get_tracer("app")

    def span(
        self, name: str, *, remote: bool = False, **attributes: str
    ) -> AbstractContextManager[Span]:
        kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
        return self._tracer.start_as_current_span(name, kind=kind, attributes=attributes)

    def request(self, scope: HTTPScope) -> AbstractContextManager[Span]:
        method = _method(scope)
        return self._tracer.start_as_current_span(
            method,
            context=_PROPAGATOR.extract(_trace_headers(scope["headers"])),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": scope["path"]},
        )

    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return {name: value for name, value in carrier.items() if len(value) <= _MAX_HEADER}

    def around(self, app: Service) -> "Traced":
        """`app` with a span around each of its requests."""
        return Traced(app, self)

    def close(self) -> None:
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_TIMEOUT)


class Traced:
    """One span around each request, whose ids are in each line that is logged meanwhile."""

    def __init__(self, app: Service, tracing: Tracing) -> None:
        self.app = app.app
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            return await self._request(scope, receive, send)

        async def last(message: Message) -> None:
            if cast("Any", message)["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(self._tracing.close)
            await send(message)

        await self._app(scope, receive, last)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracing.request(scope) as span:
            ids = span.get_span_context()
            outer = LOG_CONTEXT.set(
                {
                    "trace_id": format_trace_id(ids.trace_id),
                    "span_id": format_span_id(ids.span_id),
                }
            )
            try:
                await self._app(scope, receive, watched)
            finally:
                LOG_CONTEXT.reset(outer)
                _describe(span, scope, status)


def _describe(span: Span, scope: HTTPScope, status: int) -> None:
    route = scope.get("path_template")
    if route:
        span.update_name(f"{_method(scope)} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    own_id = scope.get("state", {}).get("request_id")
    if own_id:
        span.set_attribute("request.id", own_id)
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def _method(scope: HTTPScope) -> str:
    return scope["method"] if scope["method"] in METHODS else OTHER_METHOD


def _trace_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name in _TRACE_HEADERS:
            found.setdefault(_TRACE_HEADERS[name], []).append(value.decode("latin-1"))
    return found


class _StateLoggingExporter(OTLPSpanExporter):
    """Logs once that spans can't be delivered, and once that they can be again."""

    _failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            logger.warning("traces can't be delivered; they are dropped until they can")
        if self._failing and not failed:
            logger.info("traces are delivered again")
        self._failing = failed
        return result
