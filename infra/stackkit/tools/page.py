"""The HTML page that people open: one file, no network, no script; phone and desk, light and dark.

htpy escapes whatever isn't an element. Colours are the variables below, so that they follow the
reader's light or dark.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import htpy as h
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
.intro { color: var(--muted); }
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
figure { margin: 1rem 0; font-size: .8125rem; }
figcaption, .legend, .axis { color: var(--muted); }
figcaption { font-size: .875rem; margin-top: .5rem; }
.legend span { margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: .9rem; height: .25rem; margin: 0 .35rem .15rem 0; }
.plot { position: relative; height: 15rem; margin: .75rem .5rem 2.5rem 3.5rem; }
.plot svg { position: absolute; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; }
.plot span { position: absolute; white-space: nowrap; line-height: 1; }
.plot .y { right: 100%; padding-right: .5rem; transform: translateY(50%); }
.plot .x { top: 100%; padding-top: .5rem; transform: translateX(-50%); }
.plot .level { right: 0; padding: .2rem 0; }
.plot .under { transform: translateY(100%); }
.plot .unit { top: calc(100% + 1.25rem); width: 100%; text-align: center; }
.node, .graph { border: 1px solid var(--line); border-radius: .375rem; background: var(--panel); }
.node { padding: .35rem .75rem; margin: .4rem 0 .4rem 5rem; position: relative; }
.node b, .node span { display: block; }
.node span, .zones { color: var(--muted); }
.node i { position: absolute; right: calc(100% + .5rem); font-style: normal; white-space: nowrap; }
.edge { border-color: var(--first); } .compute { border-color: var(--second); }
.data { border-color: var(--third); }
.vpc { border: 1px solid var(--muted); border-radius: .5rem; padding: .5rem .75rem; }
.zones { display: flex; margin-left: 5rem; font-size: .6875rem; }
.zones div { flex: 1; padding: .25rem .5rem; border-left: 1px dashed var(--line); }
.zones b, .zones span { display: block; }
.dashboard { display: grid; grid-template-columns: repeat(24, 1fr); gap: .25rem; }
.graph { padding: .35rem .5rem; }
.graph p { color: var(--bad); border-top: 1px dashed var(--bad); margin: .25rem 0 0; }
.dashboard b { grid-column: 1 / -1; margin-top: .5rem; }
@media (max-width: 56rem) {
  .dashboard { display: block; } .graph { margin: .25rem 0; }
  .node, .zones { margin-left: 3.5rem; } .node i { font-size: .6875rem; }
}
@media (max-width: 40rem) {
  .words thead { position: absolute; clip-path: inset(50%); }
  .words table, .words tbody, .words tr { display: block; }
  .words tr { padding: .5rem 0; }
  .words td { display: inline-block; padding: 0 .5rem 0 0; }
  .words td:nth-child(n + 3):last-child { display: block; color: var(--muted); }
}
@media print { .scrolls { overflow: visible; } }
"""
# a page can't load anything
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, kw_only=True)
class Section:
    title: str
    body: h.Node


def page(title: str, intro: str, sections: Iterable[Section], foot: str = "") -> str:
    return str(
        h.html(lang="en")[
            h.head[
                h.meta(charset="utf-8"),
                h.meta(name="viewport", content="width=device-width, initial-scale=1"),
                h.meta({"http-equiv": "Content-Security-Policy"}, content=POLICY),
                # an empty icon, or browsers request one
                h.link(rel="icon", href="data:,"),
                h.title[title],
                h.style[Markup(STYLE)],
            ],
            h.body[
                h.header[h.h1[title], h.p(".intro")[intro]],
                h.main[(h.section[h.h2[part.title], part.body] for part in sections)],
                h.footer[foot] if foot else None,
            ],
        ]
    )


def table(
    columns: Sequence[str], rows: Iterable[Sequence[h.Node]], numbers: Collection[str] = ()
) -> h.Element:
    """Rows under columns, scrolling in itself; `numbers` names those to align.

    A phone has the last of three or more columns below the others, unless it is a number.
    """
    right = [".number" if name in numbers else "" for name in columns]
    heads = (h.th(kind, scope="col")[name] for kind, name in zip(right, columns, strict=True))
    lines = (h.tr[(h.td(k)[cell] for k, cell in zip(right, row, strict=True))] for row in rows)
    label = ", ".join(filter(None, columns))
    kind = "" if right[-1] else ".words"
    return h.div(f".scrolls{kind}", tabindex="0", role="region", aria_label=label)[
        h.table[h.thead[h.tr[heads]], h.tbody[lines]]
    ]


def listed(lines: Iterable[h.Node]) -> h.Element:
    return h.ul[(h.li[line] for line in lines)]


def key_figures(values: Iterable[tuple[str, h.Node]]) -> h.Element:
    """The most important numbers, as pairs of label and value."""
    return h.dl(".facts")[(h.div[h.dt[label], h.dd[value]] for label, value in values)]


def mark(kind: str, word: str) -> h.Element:
    """A word that counts: kind is good, warn or bad."""
    return h.span(f".mark.{kind}")[word]


def picture(drawing: h.Node, caption: str, kind: str = "") -> h.Element:
    return h.figure(f".{kind}" if kind else "")[drawing, h.figcaption[caption]]
