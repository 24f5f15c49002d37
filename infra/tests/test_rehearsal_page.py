"""The page of a rehearsal as a browser shows it: phone and desk, light and dark."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import DESK, MISSING, PHONE, Browser, browsing
from harness import keys
from stackkit.tools.rehearse.validate import CHECKS
from test_rehearsal import rehearse

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]
PARTS = {"compute": "ec2", "database_proxy": "true", "database_replicas": "1"}
Size = tuple[int, int]
# what is left of a page that is wider than the window, in px
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# a text that reaches beyond the picture that it is part of
OUTSIDE = """[...document.querySelectorAll('figure')].flatMap(figure => {
  const frame = figure.getBoundingClientRect();
  return [...figure.querySelectorAll('*')].filter(part => {
    const box = part.getBoundingClientRect();
    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
  }).map(part => part.textContent);
})"""
PICTURES = "[...document.querySelectorAll('figure')].map(figure => figure.innerText)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "rehearsal.html"
    outcome = rehearse("prod", keys("prod") | PARTS, page=file)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert f"The page for a design review: {file}" in outcome.stdout
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_fits_and_loads_nothing(
    page: Path, browser: Browser, size: Size, scheme: str, tmp_path: Path
) -> None:
    browser.requests()
    browser.open(page, size, scheme)
    assert browser.value("innerWidth") == size[0]
    assert browser.value(OVERFLOW) == 0
    assert browser.value(OUTSIDE) == []
    assert browser.complaints() == []
    asked = set(browser.requests())
    assert page.as_uri() in asked
    # and the icon of nothing
    assert asked <= {page.as_uri(), "data:,"}
    # a blank one of this size has 10 kB
    assert browser.screenshot(tmp_path / "page.png").stat().st_size > 50_000


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_one_picture_shows_every_tier_and_port(page: Path, browser: Browser, size: Size) -> None:
    browser.open(page, size, "light")
    drawn, _ = browser.value(PICTURES)
    for tier in ("Clients", "WAF", "load balancer", "group", "proxy", "database", "replica", "NAT"):
        assert tier in drawn
    for port in ("80, 443", "8000", "5432", "6379"):
        assert f"{port} →" in drawn
    for zone in ("1a", "1b", "1c"):
        assert f"eu-west-{zone}\n" in drawn


def test_another_shows_the_dashboard_with_its_limits(page: Path, browser: Browser) -> None:
    browser.open(page, DESK, "light")
    _, drawn = browser.value(PICTURES)
    for section in ("Golden signals", "Service", "Database", "Inside"):
        assert f"{section}\n" in drawn
    # the plan's peak, and its connections
    assert re.search(r"Traffic\s+37,500,000 requests/min", drawn)
    assert re.search(r"The database's connections run out\s+4,630 connections", drawn)
    shown = browser.value("document.body.innerText")
    assert "burn-fast\tpage\tabove 1.44 % over 60 minutes and over 5\t" in shown


def test_page_names_checks_reasons_and_limits(page: Path, browser: Browser) -> None:
    browser.open(page, DESK, "light")
    shown = browser.value("document.body.innerText")
    assert shown.count("holds\t") == len(CHECKS) + 1  # and the policies
    assert "Little's law: 50,000 in flight / 80 ms" in shown
    assert "CKV_AWS_18" in shown
    assert "hosted zone example.com" in shown
    assert "moto has no parameter groups of caches" in shown
    assert "This can't show what the provider changes" in shown


def test_dark_and_light_differ(page: Path, browser: Browser) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        browser.open(page, DESK, scheme)
        colours.add(browser.value("getComputedStyle(document.body).backgroundColor"))
        colours.add(browser.value("getComputedStyle(document.querySelector('figure b')).color"))
    assert len(colours) == 4
