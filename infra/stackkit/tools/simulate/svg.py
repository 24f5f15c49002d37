"""Draws with matplotlib, and hands out SVG whose colours are the page's variables."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from htpy import Element, div
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# pixels: beside each other on a desk, in a phone's width less the page's margins
WIDE, NARROW = (850, 330), (350, 280)
_DOTS = 72  # per inch: one point of text is one pixel
# a colour to draw with, and the page's variable that takes its place
_COLOURS = {
    "#100001": "--ink",
    "#100002": "--muted",
    "#100003": "--line",
    "#100004": "--first",
    "#100005": "--second",
    "#100006": "--bad",
    "#100007": "--third",
}
INK, MUTED, LINE, FIRST, SECOND, BAD, THIRD = _COLOURS
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 12,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def pictures(title: str, draw: Callable[[Axes], None]) -> tuple[Element, Element]:
    """The same for a desk and for a phone."""
    return _svg(title, draw, WIDE), _svg(title, draw, NARROW)


def _svg(title: str, draw: Callable[[Axes], None], size: tuple[int, int]) -> Element:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(size[0] / _DOTS, size[1] / _DOTS), dpi=_DOTS)
        axes = figure.add_subplot()
        draw(axes)
        columns = 4 if size == WIDE else 2
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, fontsize=12)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    return div[Markup(_inlined(target.getvalue(), size, title))]


def _inlined(svg: str, size: tuple[int, int], title: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<svg [^>]*?viewBox", "<svg viewBox", svg, count=1, flags=re.DOTALL)
    attributes = f'width="{size[0]}" height="{size[1]}" role="img" aria-label="{title}" '
    svg = svg.replace("<svg ", f"<svg {attributes}", 1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # numbered alike in every picture, and nothing refers to them
    svg = re.sub(r' id="[a-z]+[A-Za-z0-9]*_[^"]*"', "", svg)
    svg = re.sub(r"font: (\d+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
