"""Draws the pictures of docs/: `python scripts/pictures.py PAGE`, from a page of `make rehearse`.

docs/architecture.svg is the page's own drawing. docs/request-path.svg shows the layers of
servicekit/pipeline.py, whose order tests/test_docs.py compares with the page.
"""

import re
import sys
from pathlib import Path

from stackkit.tools.page import STYLE
from stackkit.tools.rehearse.canvas import Canvas

DOCS = Path(__file__).parent.parent / "docs"
LAYERS = re.compile(r"^\| \d+ \| `(\w+)` \| (.*?) \|", re.MULTILINE)
WIDTH = 640  # px


def standalone(drawing: str) -> str:
    """An SVG with the variables and fonts of the page, on paper of its own."""
    variables = STYLE[: STYLE.index("* {")] + "svg text { font: 13px system-ui, sans-serif; }"
    head, rest = re.sub(r"^<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', drawing).split(
        ">", 1
    )
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    fill = "svg text { fill: var(--ink); }"
    return f"{head}><style>{variables}{fill}</style>{paper}{rest}\n"


def architecture(page: str) -> str:
    [first, *_] = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return standalone(first)


def request_path(layers: list[tuple[str, str]]) -> str:
    canvas = Canvas(width=WIDTH)
    steps = [
        ("Granian", "a worker takes the connection; an admission queue while the loop is busy"),
        ("MemoryFastPath", "answers a hot GET from memory, or rejects at capacity"),
        *layers,
        ("Litestar", "routing, validation, the domain's handler"),
        ("TwoLevelCache", "memory, then Valkey; one load for all requests that wait"),
        ("PostgreSQL or the upstream", "through a pool, a circuit breaker and timeouts"),
    ]
    bottom = 12.0
    for name, what in steps:
        colour = "first" if (name, what) in layers else "second" if name[0] == "M" else "line"
        box = canvas.box(20, bottom, WIDTH - 40, name, [what], colour)
        if name != steps[-1][0]:
            canvas.arrow((WIDTH / 2, box.bottom), (WIDTH / 2, box.bottom + 16))
        bottom = box.bottom + 16
    return standalone(str(canvas.drawn(bottom, "The path of a request through a worker")))


if __name__ == "__main__":
    [page] = sys.argv[1:]
    (DOCS / "architecture.svg").write_text(architecture(Path(page).read_text()))
    layers = LAYERS.findall((DOCS / "architecture.md").read_text())
    (DOCS / "request-path.svg").write_text(request_path(layers))
