"""The HTML page that people open: one file, no network, no script; phone and desk, light and dark.

htpy escapes whatever isn't an element. Pictures are inline SVG; their colours are the variables
below (`fill: var(--accent)`), so that they follow the reader's light or dark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from htpy import (
    Element,
    Node,
    body,
    dd,
    div,
    dl,
    dt,
    figcaption,
    figure,
    footer,
    h1,
    h2,
    head,
    header,
    html,
    link,
    main,
    meta,
    p,
    section,
    span,
    style,
    tbody,
    td,
    th,
    thead,
    tr,
)
from htpy import table as html_table
from htpy import title as html_title
from markupsafe import Markup

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2024; --muted: #5d666f; --paper: #ffffff; --panel: #f5f6f8; --line: #d9dde2;
  --accent: #1f5fbf; --good: #1a7f4b; --warn: #8f5a00; --bad: #b3261e;
  --first: #1f5fbf; --second: #b8540a; --third: #1a7f4b; --fourth: #8548a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ec; --muted: #9aa4ae; --paper: #14171a; --panel: #1d2125; --line: #343a41;
    --accent: #7fb0ff; --good: #5ccb92; --warn: #e2b25a; --bad: #ff8f86;
    --first: #7fb0ff; --second: #f0a05c; --third: #5ccb92; --fourth: #cf9bee;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%;
}
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
footer { padding-top: 2rem; padding-bottom: 3rem; color: var(--muted); font-size: .875rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 {
  font-size: 1.125rem; margin: 2.5rem 0 .75rem; padding-top: 1.25rem;
  border-top: 1px solid var(--line);
}
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p, ul { margin: .5rem 0; max-width: 46rem; }
ul { padding-left: 1.25rem; }
h1, h2, h3, p, li, dd, dt, td { overflow-wrap: break-word; }
code, .code { font: .875em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.intro, .quiet { color: var(--muted); }
.scrolls { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; }
th { font-weight: 600; color: var(--muted); font-size: .8125rem; white-space: nowrap; }
tr { border-bottom: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1px;
  margin: 1.25rem 0; background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; overflow: hidden;
}
dl.facts > div {
  display: flex; flex-direction: column-reverse; justify-content: flex-end;
  padding: .75rem 1rem; box-shadow: 0 0 0 1px var(--line);
}
dl.facts dt { color: var(--muted); font-size: .8125rem; }
dl.facts dd { margin: 0; font-size: 1.375rem; font-variant-numeric: tabular-nums; }
.mark { white-space: nowrap; font-weight: 600; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
figure { margin: 1rem 0; }
figure svg { display: block; max-width: none; }
figcaption { color: var(--muted); font-size: .875rem; margin-top: .5rem; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.wide { display: none; }
@media (min-width: 56rem) { .wide { display: block; } .narrow { display: none; } }
@media print { .scrolls { overflow: visible; } }
"""
# a page can't load anything
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, kw_only=True)
class Section:
    title: str
    body: Node


def page(title: str, intro: str, sections: Iterable[Section], foot: str = "") -> str:
    return str(
        html(lang="en")[
            head[
                meta(charset="utf-8"),
                meta(name="viewport", content="width=device-width, initial-scale=1"),
                meta({"http-equiv": "Content-Security-Policy"}, content=POLICY),
                # an empty icon, or browsers request one
                link(rel="icon", href="data:,"),
                html_title[title],
                style[Markup(STYLE)],
            ],
            body[
                header[h1[title], p(".intro")[intro]],
                main[(section[h2[part.title], part.body] for part in sections)],
                footer[foot] if foot else None,
            ],
        ]
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Node]], numbers: str = "") -> Element:
    """Rows under columns, scrolling in itself; `numbers` names those to align, as "value limit"."""
    right = [".number" if name in numbers.split() else "" for name in columns]
    return div(
        ".scrolls", tabindex="0", role="region", aria_label=", ".join(filter(None, columns))
    )[
        html_table[
            thead[
                tr[(th(kind, scope="col")[name] for kind, name in zip(right, columns, strict=True))]
            ],
            tbody[
                (
                    tr[(td(kind)[cell] for kind, cell in zip(right, row, strict=True))]
                    for row in rows
                )
            ],
        ]
    ]


def key_figures(values: Iterable[tuple[str, Node]]) -> Element:
    """The most important numbers, as pairs of label and value."""
    return dl(".facts")[(div[dt[label], dd[value]] for label, value in values)]


def mark(kind: str, word: str) -> Element:
    """A word that counts: kind is good, warn or bad."""
    return span(f".mark.{kind}")[word]


def picture(drawing: Element, caption: str = "", kind: str = "") -> Element:
    """An SVG with width and height of its own, scrolling in its frame where there is less room.

    Two kinds make a picture for each kind of screen: `wide` from 896 px on, `narrow` below.
    """
    return figure(f".{kind}" if kind else "")[
        div(".scrolls", tabindex="0")[drawing], figcaption[caption] if caption else None
    ]
