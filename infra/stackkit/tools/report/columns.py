"""A report's rows, as wide as a terminal is without asking."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

WIDTH = 100
# columns of a row: name, value, unit; the reason has what is left
_ROW = "  {:<24} {:>9} {:<18} "


def row(name: str, value: str, unit: str, rationale: str) -> Iterator[str]:
    return hung(_ROW.format(name, value, unit), rationale)


def hung(start: str, text: str) -> Iterator[str]:
    """`text` beside `start`, its further lines below its first."""
    wrapped = textwrap.wrap(text, WIDTH - len(start)) or [""]
    yield (start + wrapped[0]).rstrip()
    for line in wrapped[1:]:
        yield " " * len(start) + line


def indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as what is in them: the first to the left, the others to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield f"  {first.ljust(widths[0])}  {'  '.join(cells)}".rstrip()
