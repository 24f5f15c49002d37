"""The HTML page that people open: one file, no network, no script; phone and desk, light and dark.

Its look is that of `infra/page.py`; the two have environments of their own.
"""

from collections.abc import Iterable, Sequence

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
    style,
    tbody,
    td,
    th,
    thead,
    title,
    tr,
)
from htpy import table as html_table
from markupsafe import Markup

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2024; --muted: #5d666f; --paper: #ffffff; --panel: #f5f6f8; --line: #d9dde2;
  --bad: #b3261e; --first: #1f5fbf; --second: #b8540a; --third: #1a7f4b; --fourth: #8548a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ec; --muted: #9aa4ae; --paper: #14171a; --panel: #1d2125; --line: #343a41;
    --bad: #ff8f86; --first: #7fb0ff; --second: #f0a05c; --third: #5ccb92; --fourth: #cf9bee;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%;
}
header, main { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
main { padding-bottom: 3rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 {
  font-size: 1.125rem; margin: 2.5rem 0 .75rem; padding-top: 1.25rem;
  border-top: 1px solid var(--line);
}
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: break-word; }
.intro { color: var(--muted); }
.bad { color: var(--bad); font-weight: 600; }
.scrolls { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; }
th { font-weight: 600; color: var(--muted); font-size: .8125rem; white-space: nowrap; }
tr { border-bottom: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
dl {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1px;
  margin: 1.25rem 0; background: var(--line); border: 1px solid var(--line); border-radius: .5rem;
  overflow: hidden;
}
dl > div {
  display: flex; flex-direction: column-reverse; justify-content: flex-end;
  background: var(--panel); padding: .75rem 1rem;
}
dt { color: var(--muted); font-size: .8125rem; }
dd { margin: 0; font-size: 1.375rem; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; }
figure svg { display: block; width: 100%; min-width: 30rem; max-width: 46rem; height: auto; }
figcaption { color: var(--muted); font-size: .875rem; margin-top: .5rem; max-width: 46rem; }
"""
# whatever a page shows, it can't load anything
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(name: str, intro: str, sections: Iterable[tuple[str, Node]]) -> str:
    """`sections` are titles with what is below them."""
    return str(
        html(lang="en")[
            head[
                meta(charset="utf-8"),
                meta(name="viewport", content="width=device-width, initial-scale=1"),
                meta({"http-equiv": "Content-Security-Policy"}, content=POLICY),
                # an icon of nothing, or browsers ask for one
                link(rel="icon", href="data:,"),
                title[name],
                style[Markup(STYLE)],
            ],
            body[
                header[h1[name], p(".intro")[intro]],
                main[(section[h2[heading], content] for heading, content in sections)],
            ],
        ]
    )


def facts(values: Iterable[tuple[str, str]]) -> Element:
    """The few numbers that everybody looks for first: label, value."""
    return dl[(div[dt[label], dd[value]] for label, value in values)]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Element:
    """The first column is of words, the others of numbers."""
    kinds = ["", *[".number"] * (len(columns) - 1)]
    return div(".scrolls")[
        html_table[
            thead[tr[(th(kind)[name] for kind, name in zip(kinds, columns, strict=True))]],
            tbody[
                (
                    tr[(td(kind)[cell] for kind, cell in zip(kinds, row, strict=True))]
                    for row in rows
                )
            ],
        ]
    ]


def picture(drawing: Markup, caption: str) -> Element:
    """An SVG that scrolls in its frame where there is less room than it needs."""
    return figure[div(".scrolls")[drawing], figcaption[caption]]
