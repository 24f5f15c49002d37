"""Line charts as inline SVG in the page's own colours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from htpy import Element, svg

# px: side by side on a desk, and a phone's width less the page's margins
WIDE, NARROW = (850, 330), (350, 280)
_LEFT, _RIGHT, _BOTTOM = 56, 10, 40
_LEGEND_ROW, _CHARACTER = 20, 7.5
_rect, _text, _path, _title = (Element(name) for name in ("rect", "text", "path", "title"))


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value for each x, and the page's colour that the line has."""

    label: str
    values: Sequence[float]
    colour: str
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
    series: Sequence[Series]
    # horizontal lines: label → value
    levels: Sequence[tuple[str, float]] = ()
    top: float | None = None


def draw(chart: Chart, size: tuple[int, int]) -> Element:
    return svg(
        width=str(size[0]), height=str(size[1]), viewBox=f"0 0 {size[0]} {size[1]}", role="img"
    )[_title[chart.title], list(_Drawing(chart, size).elements())]


def short_number(value: float) -> str:
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


class _Drawing:
    def __init__(self, chart: Chart, size: tuple[int, int]) -> None:
        self.chart = chart
        self.width, self.height = size
        self.above = 24 + _LEGEND_ROW * ceil(len(chart.series) / self._per_row)
        most = max(max(one.values) for one in chart.series)
        levels = [value for _, value in chart.levels]
        self.top = chart.top or 1.08 * max(most, *levels, 1e-9)

    @property
    def _per_row(self) -> int:
        return 4 if self.width > 600 else 2

    def elements(self) -> Iterator[Element]:
        yield from self._axes()
        for one in self.chart.series:
            yield from self._line(one)
        for label, value in self.chart.levels:
            yield self._stroke(
                [(self.chart.xs[0], value), (self.chart.xs[-1], value)], "muted", "1 3"
            )
            yield self._words(self.width - _RIGHT, self._y(value) - 4, label, "end")
        yield from self._legend()

    def _x(self, value: float) -> float:
        first, last = self.chart.xs[0], self.chart.xs[-1]
        share = (value - first) / ((last - first) or 1)
        return _LEFT + share * (self.width - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        return self.height - _BOTTOM - value / self.top * (self.height - _BOTTOM - self.above)

    def _axes(self) -> Iterator[Element]:
        for value in ticks(self.top, 5):
            y = self._y(value)
            yield _path(
                d=f"M{_LEFT} {y:.1f} H{self.width - _RIGHT}",
                style="stroke: var(--line); stroke-width: .6",
            )
            yield self._words(_LEFT - 6, y + 4, short_number(value), "end")
        span = self.chart.xs[-1] - self.chart.xs[0]
        for value in ticks(span, 8 if self.width > 600 else 5):
            x = self._x(self.chart.xs[0] + value)
            anchor = "end" if x > self.width - 30 else "middle"
            yield self._words(x, self.height - 22, f"{value:g}", anchor)
        middle = (_LEFT + self.width) / 2
        yield self._words(middle, self.height - 5, self.chart.x_unit, "middle")
        yield self._words(4, 14, self.chart.unit, "start")

    def _line(self, one: Series) -> Iterator[Element]:
        if one.fill_to is not None:
            there = list(zip(self.chart.xs, one.values, strict=True))
            back = list(zip(self.chart.xs, one.fill_to, strict=True))[::-1]
            style = f"fill: var(--{one.colour}); opacity: .25"
            yield _path(d=f"{self._points(there + back)} Z", style=style)
        points = list(zip(self.chart.xs, one.values, strict=True))
        yield self._stroke(points, one.colour, "6 3" if one.dashed else "")

    def _stroke(self, points: Sequence[tuple[float, float]], colour: str, dashes: str) -> Element:
        style = (
            f"fill: none; stroke: var(--{colour}); stroke-width: 1.6; stroke-dasharray: {dashes}"
        )
        return _path(d=self._points(points), style=style)

    def _points(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + " L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in points)

    def _legend(self) -> Iterator[Element]:
        column = (self.width - _LEFT) / self._per_row
        for number, one in enumerate(self.chart.series):
            row, place = divmod(number, self._per_row)
            x, y = _LEFT + place * column, 24 + row * _LEGEND_ROW
            yield _rect(
                x=f"{x:g}",
                y=f"{y + 4:g}",
                width="14",
                height="4",
                style=f"fill: var(--{one.colour})",
            )
            yield self._words(x + 20, y + 10, one.label, "start")

    def _words(self, x: float, y: float, words: str, anchor: str) -> Element:
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
        return _text(place, style="font-size: 12px; fill: var(--muted)")[words]
