"""SVG in the page's own colours: boxes of text, frames, and arrows with right angles."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from htpy import Element, svg

LINE, PAD = 17, 8  # px
# px of an average character; system fonts differ, and text must stay in its box
CHARACTER, BOLD = 7.0, 7.9
_HALO = "font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px"
_rect, _text, _path, _title = (Element(name) for name in ("rect", "text", "path", "title"))
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass
class Canvas:
    width: float
    _under: list[Element] = field(default_factory=list)
    _over: list[Element] = field(default_factory=list)
    # nothing crosses them
    _labels: list[Element] = field(default_factory=list)

    def box(
        self, x: float, y: float, width: float, title: str, lines: Iterable[str], colour: str
    ) -> Box:
        """A box as high as its text, which wraps."""
        room = width - 2 * PAD
        head = textwrap.wrap(title, int(room / BOLD))
        rest = [part for line in lines for part in textwrap.wrap(line, int(room / CHARACTER))]
        height = LINE * len(head + rest) + 2 * PAD - 3
        outline = f"fill: var(--panel); stroke: var(--{colour}); stroke-width: 1.5"
        shape = {"x": x, "y": y, "width": width, "height": height, "rx": 6}
        self._over.append(_rect(_attributes(shape), style=outline))
        for number, line in enumerate(head + rest):
            weight = "font-weight: 600" if number < len(head) else "fill: var(--muted)"
            self.text(x + PAD, y + PAD + 11 + LINE * number, line, weight)
        return Box(x=x, y=y, width=width, height=height)

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        place = _attributes({"x": x, "y": y})
        self._over.append(_text(place, style=style)[words])

    def label(self, x: float, y: float, words: str, anchor: str = "middle") -> None:
        place = _attributes({"x": x, "y": y, "text-anchor": anchor})
        self._labels.append(_text(place, style=_HALO)[words])

    def frame(self, box: Box, style: str) -> None:
        shape = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "rx": 8}
        self._under.append(_rect(_attributes(shape), style=f"fill: none; {style}"))

    def arrow(self, *points: Point) -> None:
        (x0, y0), (x1, y1) = points[-2:]
        line = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        stroke = "fill: none; stroke: var(--ink); stroke-width: 1.25"
        self._over.append(_path(d=line, style=stroke))
        level = f"l{7 if x1 < x0 else -7} -4 v8 z"
        upright = f"l-4 {7 if y1 < y0 else -7} h8 z"
        tip = f"M{x1:g} {y1:g} {level if y0 == y1 else upright}"
        self._over.append(_path(d=tip, style="fill: var(--ink)"))

    def drawn(self, height: float, label: str) -> Element:
        size = _attributes({"width": self.width, "height": height})
        view = {"viewBox": f"0 0 {self.width:g} {height:g}", "role": "img"}
        return svg({**size, **view})[_title[label], self._under, self._over, self._labels]


def _attributes(values: dict[str, str | float]) -> dict[str, str]:
    return {name: v if isinstance(v, str) else f"{v:g}" for name, v in values.items()}
