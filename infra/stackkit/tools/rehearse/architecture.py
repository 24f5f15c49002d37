"""Draws a diagram from top to bottom: clients, load balancer, compute, data; zones are columns.

On the left is how a request travels, on the right what the service asks of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from htpy import Element

from stackkit.tools.rehearse.canvas import LINE, Box, Canvas
from stackkit.tools.rehearse.diagram import Diagram, DiagramNode, Zone

WIDE, NARROW = 1110, 350  # px
GAP = 12
COLOURS = {"edge": "first", "compute": "second", "data": "third"}
_SMALL = "font-size: 10px; fill: var(--muted)"


@dataclass
class _Rows:
    """What is placed so far, from the top of the VPC down."""

    canvas: Canvas
    channel: float
    y: float

    @property
    def width(self) -> float:
        return self.canvas.width - 2 * self.channel

    @property
    def right(self) -> float:
        return self.channel + self.width

    def place(self, part: DiagramNode) -> Box:
        colour = COLOURS.get(part.tier, "muted")
        box = self.canvas.box(
            self.channel + GAP, self.y, self.width - 2 * GAP, part.title, [part.detail], colour
        )
        self.y = box.bottom + GAP
        return box

    def column(self, number: int, count: int) -> tuple[float, float]:
        """Left edge and width."""
        width = (self.width - GAP * (count - 1)) / count
        return self.channel + number * (width + GAP), width

    def ranges(self, kind: str, zones: Sequence[Zone]) -> None:
        for number, zone in enumerate(zones):
            x, _ = self.column(number, len(zones))
            self.canvas.text(x + GAP / 2, self.y + 10, kind, _SMALL)
            self.canvas.text(x + GAP / 2, self.y + 24, zone.ranges.get(kind, "none"), _SMALL)
        self.y += 34


def draw(shown: Diagram, width: float, label: str) -> Element:
    canvas = Canvas(width)
    channel = 96 if width == WIDE else 44
    clients, upstream = _outside(canvas, shown)
    frame = max(clients.bottom, upstream.bottom) + 2 * GAP
    rows = _Rows(canvas, channel, frame + 2 * LINE + GAP)
    canvas.text(channel + GAP / 2, frame + LINE, shown.network, "fill: var(--muted)")
    rows.ranges("public", shown.zones)
    gateways = _gateways(rows, shown.zones)
    if shown.internal:
        rows.ranges("private", shown.zones)
    edge = [rows.place(part) for part in shown.edge]
    if not shown.internal:
        rows.ranges("private", shown.zones)
    compute = [rows.place(part) for part in shown.compute]
    endpoints = rows.place(shown.endpoints) if shown.endpoints else None
    rows.ranges("isolated", shown.zones)
    data = [rows.place(part) for part in shown.data]
    _zones(rows, shown.zones, frame + LINE + GAP)
    vpc = Box(x=0.75, y=frame, width=width - 1.5, height=rows.y + GAP - frame)
    canvas.frame(vpc, "stroke: var(--muted)")
    if edge:
        _into(canvas, clients, edge[0], shown.clients.port, lane=channel * 0.3)
    for one, part in zip(compute, shown.compute, strict=True):
        _serve(canvas, edge, one, part.port, lane=channel * 0.7)
        _store(canvas, one, shown.data, data, lane=channel * 0.7)
        _ask(canvas, one, rows.right, gateways, upstream, shown.upstream.port)
        if endpoints and shown.endpoints:
            _call(canvas, one, rows.right, endpoints, shown.endpoints.port)
    return canvas.drawn(vpc.bottom + 1, label)


def _outside(canvas: Canvas, shown: Diagram) -> tuple[Box, Box]:
    half = min(canvas.width / 2 - GAP / 2, 420)
    parts = ((shown.clients, 1.0), (shown.upstream, canvas.width - half - 1))
    clients, upstream = (
        canvas.box(x, 1, half, part.title, [part.detail], "muted") for part, x in parts
    )
    return clients, upstream


def _gateways(rows: _Rows, zones: Sequence[Zone]) -> list[Box]:
    made = []
    for number, zone in enumerate(zones):
        x, width = rows.column(number, len(zones))
        if zone.nat:
            inner = min(width - GAP, 120)
            place = x + width - inner - GAP / 2
            made.append(rows.canvas.box(place, rows.y, inner, "NAT", [], "muted"))
    rows.y = max((box.bottom for box in made), default=rows.y) + GAP
    return made


def _zones(rows: _Rows, zones: Sequence[Zone], top: float) -> None:
    for number, zone in enumerate(zones):
        x, width = rows.column(number, len(zones))
        # a phone has no room for "ap-southeast-2a"
        label = zone.name if rows.canvas.width == WIDE else zone.name.rpartition("-")[2]
        rows.canvas.text(x + GAP / 2, top + 12, label, "font-size: 11px; font-weight: 600")
        column = Box(x=x, y=top - 4, width=width, height=rows.y - top + 4)
        rows.canvas.frame(column, "stroke: var(--line); stroke-dasharray: 4 3")


def _into(canvas: Canvas, source: Box, target: Box, label: str, lane: float) -> None:
    canvas.arrow((lane, source.bottom), (lane, target.middle), (target.x, target.middle))
    canvas.label(lane + 6, source.bottom + GAP + 4, label, "start")


def _serve(canvas: Canvas, edge: Sequence[Box], compute: Box, label: str, lane: float) -> None:
    """Load balancer → compute, down the left side."""
    if edge:
        start, end = edge[-1].bottom - 10, compute.y + 12
        canvas.arrow((edge[-1].x, start), (lane, start), (lane, end), (compute.x, end))
        canvas.label(lane, (start + end) / 2 + 4, label)


def _store(
    canvas: Canvas, compute: Box, parts: Sequence[DiagramNode], boxes: Sequence[Box], lane: float
) -> None:
    """Compute → each part of the data tier, or what lies before it, down the left side."""
    sources = {part.title: box for part, box in zip(parts, boxes, strict=True)}
    for part, box in zip(parts, boxes, strict=True):
        source = sources.get(part.source, compute)
        start, turn = source.bottom - 10, lane if source is compute else (lane + box.x) / 2
        canvas.arrow((source.x, start), (turn, start), (turn, box.middle), (box.x, box.middle))
        canvas.label(turn, box.middle - 12, part.port)


def _ask(
    canvas: Canvas, compute: Box, right: float, gateways: Sequence[Box], upstream: Box, label: str
) -> None:
    """Compute → NAT → upstream, up the right side."""
    near, far = _lanes(canvas, right)
    if gateways:
        gate = gateways[-1]
        start, low, high = compute.y + 12, gate.bottom - 8, gate.y + 8
        canvas.arrow((compute.right, start), (near, start), (near, low), (gate.right, low))
        canvas.arrow((gate.right, high), (far, high), (far, upstream.bottom))
        canvas.label(near, (start + low) / 2, label)
        canvas.label(far - 6, upstream.bottom + GAP + 4, label, "end")


def _call(canvas: Canvas, compute: Box, right: float, endpoints: Box, label: str) -> None:
    """Compute → AWS's APIs, down the right side."""
    near, _ = _lanes(canvas, right)
    start, end = compute.bottom - 10, endpoints.middle
    canvas.arrow((compute.right, start), (near, start), (near, end), (endpoints.right, end))
    canvas.label(near, (start + end) / 2 + 4, label)


def _lanes(canvas: Canvas, right: float) -> tuple[float, float]:
    return right + (canvas.width - right) * 0.3, right + (canvas.width - right) * 0.7
