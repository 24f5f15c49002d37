"""Line charts as inline SVG, whose colours are the page's, in light and in dark."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What matplotlib draws with → what the page has in its place.
_COLOURS = {
    "#000001": "var(--ink)",
    "#000002": "var(--muted)",
    "#000003": "var(--line)",
    "#000004": "var(--bad)",
    "#000005": "var(--first)",
    "#000006": "var(--second)",
    "#000007": "var(--third)",
    "#000008": "var(--fourth)",
}
INK, MUTED, LINE, BAD, *SERIES = _COLOURS
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.minor.visible": False,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_drawings = count(1)


@dataclass(frozen=True)
class Line:
    name: str
    x: Sequence[float]
    y: Sequence[float]


class Drawing:
    def __init__(self, figure: Figure, axes: Axes) -> None:
        self.axes = axes
        self._figure = figure

    def lines(self, lines: Sequence[Line]) -> None:
        for line, colour in zip(lines, SERIES, strict=False):
            self.axes.plot(
                line.x, line.y, "o-", color=colour, label=line.name, markersize=4, lw=1.6
            )

    def mark(self, x: float, text: str) -> None:
        """A vertical line with its name at the top."""
        self.axes.axvline(x, color=INK, lw=1.2)
        self.axes.annotate(
            text,
            (x, 1.0),
            xytext=(-4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
            color=INK,
        )

    def limit(self, y: float, text: str) -> None:
        """A dashed horizontal line with its name at the left."""
        self.axes.axhline(y, color=BAD, lw=1.2, ls="--", label=text)

    def svg(self) -> Markup:
        # above the axes, where it hides nothing
        self.axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=10)
        written = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": f"drawing {next(_drawings)}"}):
            self._figure.savefig(written, format="svg", transparent=True, metadata=_NOTHING)
        text = written.getvalue()
        for drawn, shown in _COLOURS.items():
            text = text.replace(drawn, shown)
        return Markup(re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL))


# No date, no link to the library: the same figures give the same file.
_NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def drawing(x: str, y: str) -> Iterator[Drawing]:
    """Axes with these titles."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(6.4, 3.6))
        axes = figure.add_subplot()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        yield Drawing(figure, axes)
