"""Draws a scene from top to bottom: clients, load balancer, compute, data; zones are columns.

On the left is how a request travels, on the right what the service asks of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from htpy import Element

from stackkit.tools.rehearse.canvas import LINE, Box, Sheet
from stackkit.tools.rehearse.diagram import Part, Scene, Zone

WIDE, NARROW = 1110, 350  # px
GAP = 12
COLOURS = {"edge": "first", "compute": "second", "data": "third"}
_SMALL = "font-size: 10px; fill: var(--muted)"


@dataclass
class _Rows:
    """What is placed so far, from the top of the VPC down."""

    sheet: Sheet
    channel: float
    y: float

    @property
    def width(self) -> float:
        return self.sheet.width - 2 * self.channel

    @property
    def right(self) -> float:
        return self.channel + self.width

    def place(self, part: Part) -> Box:
        colour = COLOURS.get(part.tier, "muted")
        box = self.sheet.box(
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
            self.sheet.text(x + GAP / 2, self.y + 10, kind, _SMALL)
            self.sheet.text(x + GAP / 2, self.y + 24, zone.ranges.get(kind, "none"), _SMALL)
        self.y += 34


def draw(shown: Scene, width: float, label: str) -> Element:
    sheet = Sheet(width)
    channel = 96 if width == WIDE else 44
    clients, upstream = _outside(sheet, shown)
    frame = max(clients.bottom, upstream.bottom) + 2 * GAP
    rows = _Rows(sheet, channel, frame + 2 * LINE + GAP)
    sheet.text(channel + GAP / 2, frame + LINE, shown.network, "fill: var(--muted)")
    rows.ranges("public", shown.zones)
    gateways = _gateways(rows, shown.zones)
    edge = [rows.place(part) for part in shown.edge]
    rows.ranges("private", shown.zones)
    compute = [rows.place(part) for part in shown.compute]
    endpoints = rows.place(shown.endpoints) if shown.endpoints else None
    rows.ranges("isolated", shown.zones)
    data = [rows.place(part) for part in shown.data]
    _zones(rows, shown.zones, frame + LINE + GAP)
    vpc = Box(x=0.75, y=frame, width=width - 1.5, height=rows.y + GAP - frame)
    sheet.frame(vpc, "stroke: var(--muted)")
    if edge:
        _into(sheet, clients, edge[0], shown.clients.port, lane=channel * 0.3)
    for one, part in zip(compute, shown.compute, strict=True):
        _serve(sheet, edge, one, part.port, lane=channel * 0.7)
        _store(sheet, one, shown.data, data, lane=channel * 0.7)
        _ask(sheet, one, rows.right, gateways, upstream, shown.upstream.port)
        if endpoints and shown.endpoints:
            _call(sheet, one, rows.right, endpoints, shown.endpoints.port)
    return sheet.drawn(vpc.bottom + 1, label)


def _outside(sheet: Sheet, shown: Scene) -> tuple[Box, Box]:
    half = min(sheet.width / 2 - GAP / 2, 420)
    parts = ((shown.clients, 1.0), (shown.upstream, sheet.width - half - 1))
    clients, upstream = (
        sheet.box(x, 1, half, part.title, [part.detail], "muted") for part, x in parts
    )
    return clients, upstream


def _gateways(rows: _Rows, zones: Sequence[Zone]) -> list[Box]:
    made = []
    for number, zone in enumerate(zones):
        x, width = rows.column(number, len(zones))
        if zone.nat:
            inner = min(width - GAP, 120)
            place = x + width - inner - GAP / 2
            made.append(rows.sheet.box(place, rows.y, inner, "NAT", [], "muted"))
    rows.y = max((box.bottom for box in made), default=rows.y) + GAP
    return made


def _zones(rows: _Rows, zones: Sequence[Zone], top: float) -> None:
    for number, zone in enumerate(zones):
        x, width = rows.column(number, len(zones))
        # a phone has no room for "ap-southeast-2a"
        label = zone.name if rows.sheet.width == WIDE else zone.name.rpartition("-")[2]
        rows.sheet.text(x + GAP / 2, top + 12, label, "font-size: 11px; font-weight: 600")
        column = Box(x=x, y=top - 4, width=width, height=rows.y - top + 4)
        rows.sheet.frame(column, "stroke: var(--line); stroke-dasharray: 4 3")


def _into(sheet: Sheet, source: Box, target: Box, label: str, lane: float) -> None:
    sheet.arrow((lane, source.bottom), (lane, target.middle), (target.x, target.middle))
    sheet.label(lane + 6, source.bottom + GAP + 4, label, "start")


def _serve(sheet: Sheet, edge: Sequence[Box], compute: Box, label: str, lane: float) -> None:
    """Load balancer → compute, down the left side."""
    if edge:
        start, end = edge[-1].bottom - 10, compute.y + 12
        sheet.arrow((edge[-1].x, start), (lane, start), (lane, end), (compute.x, end))
        sheet.label(lane, (start + end) / 2 + 4, label)


def _store(
    sheet: Sheet, compute: Box, parts: Sequence[Part], boxes: Sequence[Box], lane: float
) -> None:
    """Compute → each part of the data tier, or what lies before it, down the left side."""
    sources = {part.title: box for part, box in zip(parts, boxes, strict=True)}
    for part, box in zip(parts, boxes, strict=True):
        source = sources.get(part.source, compute)
        start, turn = source.bottom - 10, lane if source is compute else (lane + box.x) / 2
        sheet.arrow((source.x, start), (turn, start), (turn, box.middle), (box.x, box.middle))
        sheet.label(turn, box.middle - 12, part.port)


def _ask(
    sheet: Sheet, compute: Box, right: float, gateways: Sequence[Box], upstream: Box, label: str
) -> None:
    """Compute → NAT → upstream, up the right side."""
    near, far = _lanes(sheet, right)
    if gateways:
        gate = gateways[-1]
        start, low, high = compute.y + 12, gate.bottom - 8, gate.y + 8
        sheet.arrow((compute.right, start), (near, start), (near, low), (gate.right, low))
        sheet.arrow((gate.right, high), (far, high), (far, upstream.bottom))
        sheet.label(near, (start + low) / 2, label)
        sheet.label(far - 6, upstream.bottom + GAP + 4, label, "end")


def _call(sheet: Sheet, compute: Box, right: float, endpoints: Box, label: str) -> None:
    """Compute → AWS's APIs, down the right side."""
    near, _ = _lanes(sheet, right)
    start, end = compute.bottom - 10, endpoints.middle
    sheet.arrow((compute.right, start), (near, start), (near, end), (endpoints.right, end))
    sheet.label(near, (start + end) / 2 + 4, label)


def _lanes(sheet: Sheet, right: float) -> tuple[float, float]:
    return right + (sheet.width - right) * 0.3, right + (sheet.width - right) * 0.7
