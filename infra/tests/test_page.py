"""The shell of every page: nothing of a stack's values becomes markup, and nothing is loaded."""

import re

import htpy as h

from stackkit.tools.page import Section, key_figures, mark, page, picture, table

ODD = "<script>alert('1 & 2')</script>"


def shown() -> str:
    drawing = h.svg(width="10", height="10")[h.Element("text")[ODD]]
    parts = [
        table(["name", "value"], [[ODD, "1"]], numbers="value"),
        key_figures([(ODD, ODD)]),
        mark("bad", ODD),
        picture(drawing, ODD),
    ]
    return page(ODD, ODD, [Section(title=ODD, body=parts)], foot=ODD)


def test_text_stays_text_wherever_it_stands() -> None:
    assert "<script" not in shown()
    # title twice, intro, section, cell, label, fact, mark, drawing, caption, foot
    assert shown().count("&lt;script&gt;") == 11


def test_a_page_can_load_nothing() -> None:
    assert not re.search(r"https?:|url\(|@import|src=", shown())
    assert "default-src &#39;none&#39;" in shown()


def test_every_colour_has_a_dark_counterpart() -> None:
    light, dark = shown().split("prefers-color-scheme: dark")
    names = set(re.findall(r"(--\w+):", light))
    assert names == set(re.findall(r"(--\w+):", dark))
    assert set(re.findall(r"var\((--\w+)\)", shown())) <= names
