"""Line charts: SVG for the lines, which stretch with the page, and HTML for the words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

import htpy as h

from stackkit.tools.page import picture

_path = h.Element("path")


@dataclass(frozen=True)
class Curve:
    """One value for each x, and the page's colour that the line has."""

    label: str
    colour: str
    values: Sequence[float]
    dashed: bool = False
    # fill down to these values
    fill_to: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    title: str
    caption: str
    unit: str
    x_unit: str
    xs: Sequence[float]
    curves: Sequence[Curve]
    # horizontal lines: label → value
    levels: Sequence[tuple[str, float]] = ()
    top: float = 0


def draw(chart: Chart) -> h.Element:
    most = max(value for curve in chart.curves for value in curve.values)
    top = chart.top or 1.08 * max(most, *(value for _, value in chart.levels), 1e-9)
    span = (chart.xs[-1] - chart.xs[0]) or 1
    swatches = (
        h.span[h.i(style=f"background: var(--{curve.colour})"), curve.label]
        for curve in chart.curves
    )
    plot = h.div(".plot")[
        h.svg(
            viewBox="0 0 100 100", preserveAspectRatio="none", role="img", aria_label=chart.title
        )[list(_lines(chart, top, span))],
        (h.span(".y", style=f"bottom: {100 * v / top:.2f}%")[short(v)] for v in ticks(top, 5)),
        (h.span(".x", style=f"left: {100 * v / span:.2f}%")[f"{v:g}"] for v in ticks(span, 5)),
        (
            h.span(f".level{kind}", style=f"bottom: {100 * value / top:.2f}%")[label]
            for kind, label, value in _labels(chart.levels, top)
        ),
        h.span(".unit")[chart.x_unit],
    ]
    return picture([h.div(".legend")[swatches, chart.unit], plot], chart.caption, "axis")


def _labels(levels: Sequence[tuple[str, float]], top: float) -> Iterator[tuple[str, str, float]]:
    """Above its line, but below the lower of two lines that lie close."""
    highest = max((value for _, value in levels), default=0)
    for label, value in levels:
        yield ".under" if 0 < highest - value < 0.1 * top else "", label, value


def _lines(chart: Chart, top: float, span: float) -> Iterator[h.Element]:
    def points(values: Sequence[float]) -> list[str]:
        return [
            f"{100 * (x - chart.xs[0]) / span:.2f} {100 - 100 * value / top:.2f}"
            for x, value in zip(chart.xs, values, strict=True)
        ]

    for value in ticks(top, 5):
        yield _path(d=f"M0 {100 - 100 * value / top:.2f} H100", style="stroke: var(--line)")
    for _, value in chart.levels:
        style = "stroke: var(--muted); stroke-dasharray: 1 3"
        yield _path(d=f"M0 {100 - 100 * value / top:.2f} H100", style=style)
    for curve in chart.curves:
        colour = f"var(--{curve.colour})"
        if curve.fill_to is not None:
            outline = points(curve.values) + points(curve.fill_to)[::-1]
            yield _path(d=f"M{' L'.join(outline)} Z", style=f"fill: {colour}; opacity: .25")
        style = f"stroke: {colour}; stroke-dasharray: {'6 3' if curve.dashed else 'none'}"
        yield _path(d=f"M{' L'.join(points(curve.values))}", style=style)


def short(value: float) -> str:
    """12,500 as 12.5k, 2,000,000 as 2M."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def ticks(top: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from 0 to `top`, at most `most` and one."""
    least = max(top, 1e-9) / most
    power = 10 ** floor(log10(least))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
    return [step * number for number in range(floor(top / step * 1.001) + 1)]
