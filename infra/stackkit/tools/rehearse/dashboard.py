"""The dashboard in small: each graph in its place, with its limits; no account, no curves."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from htpy import Element, svg

from stackkit.tools.rehearse import architecture

Widget = dict[str, Any]
COLUMNS = 24
_LINE, _PAD = 15, 7  # px
# px of an average character at 12 px
_CHARACTER = 6.4
_GAP = 4
_rect, _text, _path, _title = (Element(name) for name in ("rect", "text", "path", "title"))


@dataclass(frozen=True)
class Format:
    width: float
    # px of a row of CloudWatch's grid
    unit: float
    # one graph below the other, for a phone
    single: bool = False


WIDE = Format(width=architecture.WIDE, unit=15)
NARROW = Format(width=architecture.NARROW, unit=12, single=True)


def draw(widgets: Sequence[Widget], form: Format, label: str) -> Element:
    placed = _stacked(widgets) if form.single else [(w, w) for w in widgets]
    column = form.width / COLUMNS
    height = max(place["y"] + place["height"] for _, place in placed) * form.unit
    size = {"width": f"{form.width:g}", "height": f"{height:g}"}
    view = {"viewBox": f"0 0 {form.width:g} {height:g}", "role": "img"}
    shapes = [list(_widget(widget, place, column, form.unit)) for widget, place in placed]
    return svg({**size, **view})[_title[label], shapes]


def _stacked(widgets: Sequence[Widget]) -> list[tuple[Widget, Widget]]:
    stack, top = [], 0
    for widget in sorted(widgets, key=lambda each: (each["y"], each["x"])):
        height = 2 if widget["type"] == "text" else widget["height"]
        place = {"x": 0, "y": top, "width": COLUMNS, "height": height}
        stack.append((widget, place))
        top += height
    return stack


def _widget(widget: Widget, place: Widget, column: float, unit: float) -> Iterator[Element]:
    x, y = place["x"] * column, place["y"] * unit
    width, height = place["width"] * column - _GAP, place["height"] * unit - _GAP
    own = widget["properties"]
    if widget["type"] == "text":
        words = own["markdown"].removeprefix("## ").partition(" ·")[0]
        yield _words(x, y + height - 2, words, "font-weight: 600; font-size: 13px")
        return
    outline = "fill: var(--panel); stroke: var(--line)"
    shape = {"x": x, "y": y, "width": width, "height": height, "rx": 4}
    yield _rect({name: f"{value:g}" for name, value in shape.items()}, style=outline)
    lines = textwrap.wrap(own["title"], int((width - 2 * _PAD) / _CHARACTER))
    for number, line in enumerate(lines[:2]):
        yield _words(x + _PAD, y + 16 + _LINE * number, line)
    yield from _limits(own, x, y + height, width)


def _limits(own: Widget, x: float, bottom: float, width: float) -> Iterator[Element]:
    axis = own["yAxis"]["left"]["label"]
    for limit in own["annotations"]["horizontal"]:
        y = bottom - 14
        stroke = "fill: none; stroke: var(--bad); stroke-dasharray: 4 3"
        yield _path(d=f"M{x + _PAD:g} {y:g} h{width - 2 * _PAD:g}", style=stroke)
        words = f"{limit['value']:,.10g} {axis}".strip()
        yield _words(x + _PAD, y - 6, words, "fill: var(--bad)")


def _words(x: float, y: float, words: str, style: str = "") -> Element:
    place = {"x": f"{x:g}", "y": f"{y:g}"}
    return _text(place, style=f"font-size: 12px; fill: var(--ink); {style}")[words]
