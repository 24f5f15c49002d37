"""A report as people see it: a file in a browser of some width, by day or by night."""

import base64
from dataclasses import dataclass
from pathlib import Path

import pytest

from servicekit.tests.browser import CHROMIUM, browsing

needs_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on PATH")
_READY = "location.protocol === 'file:' && document.readyState === 'complete'"
_LOOK = """(() => {
const words = [...document.querySelectorAll('h1, h2, p, td, th, dt, dd, figcaption, svg text')];
const rgb = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = colour => rgb(colour).map(v => v / 255).map(
  v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const paper = light(getComputedStyle(document.body).backgroundColor) + 0.05;
const against = word => {
  const style = getComputedStyle(word);
  const ink = light(word.closest('svg') ? style.fill : style.color) + 0.05;
  return Math.max(ink, paper) / Math.min(ink, paper);
};
const drawn = [...document.querySelectorAll('svg text')];
return {
  text: document.body.innerText,
  drawn: drawn.map(text => text.textContent.trim()),
  width: document.documentElement.scrollWidth,
  contrast: Math.min(...words.map(against)),
  smallest: Math.min(99, ...drawn.map(text => text.getBoundingClientRect().height)),
};
})()"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    text: str
    drawn: list[str]  # the texts of its pictures
    complaints: list[str]  # of the console
    width: int  # that it needs, in pixels
    contrast: float  # of its faintest text with the page's colour (WCAG 2)
    smallest: float  # pixels: the height of the smallest text of a picture


async def seen(report: Path, width: int, scheme: str) -> Seen:
    """`scheme` is light or dark; the picture is left beside the report."""
    async with browsing("about:blank", width) as page:
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        await page.command("Emulation.setEmulatedMedia", features=wanted)
        await page.command("Page.navigate", url=report.as_uri())
        while not await page.evaluate(_READY):
            pass
        looked = await page.evaluate(_LOOK)
        taken = await page.command("Page.captureScreenshot", captureBeyondViewport=True)
        report.with_suffix(".png").write_bytes(base64.b64decode(taken["data"]))
        return Seen(**looked, complaints=page.complaints)
