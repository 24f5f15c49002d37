"""A small trace collector for `make observe`: it keeps the last traces and lists the slowest.

It takes OTLP over HTTP: `python -m servicekit.dev.traces 127.0.0.1 4318`.
"""

import sys
from collections import OrderedDict
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_KEPT = 200  # traces
_LISTED = 5
_MOST_SPANS = 50  # of each


class TraceCollector:
    def __init__(self) -> None:
        self._traces: OrderedDict[bytes, list[Span]] = OrderedDict()

    async def receive(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._keep(span)
        return web.Response(content_type="application/x-protobuf")

    async def slowest(self, _request: web.Request) -> web.Response:
        traces = sorted(self._traces.values(), key=_seconds, reverse=True)[:_LISTED]
        # The live page asks from another port of this machine.
        headers = {"access-control-allow-origin": "*"}
        return web.json_response([_with_positions(spans) for spans in traces], headers=headers)

    def _keep(self, span: Span) -> None:
        spans = self._traces.setdefault(span.trace_id, [])
        if len(spans) < _MOST_SPANS:
            spans.append(span)
        while len(self._traces) > _KEPT:
            self._traces.popitem(last=False)


def _seconds(spans: list[Span]) -> float:
    begun = min(span.start_time_unix_nano for span in spans)
    return (max(span.end_time_unix_nano for span in spans) - begun) / 1e9


def _with_positions(spans: list[Span]) -> dict[str, Any]:
    """A trace: each span begins at `from` and takes `share`, as parts of the whole's duration."""
    spans = sorted(spans, key=lambda span: span.start_time_unix_nano)
    depths: dict[bytes, int] = {}
    begun, whole = spans[0].start_time_unix_nano, max(_seconds(spans), 1e-9)
    positions = []
    for span in spans:
        depth = depths[span.span_id] = depths.get(span.parent_span_id, -1) + 1
        seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        positions.append(
            {
                "name": span.name,
                "depth": depth,
                "remote": span.kind == Span.SPAN_KIND_CLIENT,
                "from": (span.start_time_unix_nano - begun) / 1e9 / whole,
                "share": seconds / whole,
                "seconds": seconds,
            }
        )
    return {"id": spans[0].trace_id.hex(), "spans": positions}


def main() -> None:
    host, port = sys.argv[1:]
    collector = TraceCollector()
    app = web.Application()
    app.add_routes(
        [web.post("/v1/traces", collector.receive), web.get("/traces", collector.slowest)]
    )
    web.run_app(app, host=host, port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
