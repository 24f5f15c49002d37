"""Draws docs/request-path.svg: the layers of servicekit/pipeline.py, in their order.

tests/test_docs.py compares the page of the layers with the list itself. docs/architecture.png and
docs/rehearsal.png are screenshots of the page that `make rehearse` writes.
"""

import re
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path

from stackkit.tools.page import STYLE

DOCS = Path(__file__).parent.parent / "docs"
LAYERS = re.compile(r"^\| \d+ \| `(\w+)` \| (.*?) \|", re.MULTILINE)
WIDTH, MARGIN, LINE, GAP = 640, 20, 17, 16  # px
CHARACTERS = 83  # in a line of a box


def step(top: float, name: str, what: str, colour: str) -> tuple[str, float]:
    """A box as high as its text, and its bottom."""
    lines = textwrap.wrap(what, CHARACTERS)
    bottom = top + LINE * (len(lines) + 1) + 13
    drawn = (
        f'<rect x="{MARGIN}" y="{top:g}" width="{WIDTH - 2 * MARGIN}" height="{bottom - top:g}"'
        f' rx="6" style="fill: var(--panel); stroke: var(--{colour}); stroke-width: 1.5"/>'
    )
    for number, line in enumerate([name, *lines]):
        style = "fill: var(--muted)" if number else "font-weight: 600"
        y = top + 19 + LINE * number
        drawn += f'<text x="{MARGIN + 8}" y="{y:g}" style="{style}">{escape(line)}</text>'
    return drawn, bottom


def shapes(layers: list[tuple[str, str]]) -> Iterator[tuple[str, float]]:
    steps = [
        ("Granian", "a worker takes the connection; an admission queue while the loop is busy"),
        ("MemoryFastPath", "answers a GET of a cached route, or rejects at capacity"),
        *layers,
        ("Litestar", "routing, validation, the domain's handler"),
        ("TwoLevelCache", "memory, then Valkey; one load for all requests that wait"),
        ("PostgreSQL or the upstream", "through a pool, a circuit breaker and timeouts"),
    ]
    top = 12.0
    for number, (name, what) in enumerate(steps):
        colour = "first" if (name, what) in layers else "second" if name[0] == "M" else "line"
        if number:
            yield f'<path d="M{WIDTH / 2:g} {top - GAP:g} v{GAP}" style="stroke: var(--ink)"/>', top
            yield f'<path d="M{WIDTH / 2:g} {top:g} l-4 -7 h8 z" style="fill: var(--ink)"/>', top
        drawn, bottom = step(top, name, what, colour)
        yield drawn, bottom
        top = bottom + GAP


def request_path(layers: list[tuple[str, str]]) -> str:
    drawn = list(shapes(layers))
    height = drawn[-1][1] + GAP
    style = STYLE[: STYLE.index("* {")] + "text { font: 13px system-ui, sans-serif; }"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}"'
        f' viewBox="0 0 {WIDTH} {height:g}" role="img"><style>{style}text {{ fill: var(--ink); }}'
        "</style><title>The path of a request through a worker</title>"
        '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
        f"{''.join(shape for shape, _ in drawn)}</svg>\n"
    )


if __name__ == "__main__":
    layers = LAYERS.findall((DOCS / "architecture.md").read_text())
    (DOCS / "request-path.svg").write_text(request_path(layers))
