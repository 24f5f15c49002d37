import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.service import with_empty_cache
from servicekit.testing.waiting import HANG, until
from servicekit.tests.browser import CHROMIUM, Page, browsing
from servicekit.tests.dev.test_server import local_service, read_until
from servicekit.tests.served import server_process

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH")


@asynccontextmanager
async def load(base: str) -> AsyncIterator[None]:
    """About a hundred requests a second of several kinds."""

    async def ask(session: aiohttp.ClientSession) -> None:
        while True:
            for path in ("/items?limit=5", "/data/live", "/nothing", "/items/1"):
                async with session.get(base + path) as answer:
                    await answer.read()
            await asyncio.sleep(0.03)

    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(ask(session))
        yield
        asking.cancel()


async def shows(page: Page, script: str) -> None:
    """Returns once `script` is true of the page."""
    await until(lambda: page.evaluate(script))


FIGURE = "document.querySelector('[data-figure=\"{}\"]')?.textContent"
LINE = "document.querySelector('[data-card=\"{}\"] path').getAttribute('d')"


@pytest.mark.extra("starts a browser")
@needs_browser
async def test_page_shows_numbers_that_move_with_the_load(settings: Settings) -> None:
    own = replace(with_empty_cache(settings), port=free_port(), admin_port=free_port(2))
    with server_process(own) as process:
        async with browsing(f"http://127.0.0.1:{own.admin_port}/") as page:
            await shows(page, FIGURE.format("workers") + " === '1'")
            assert await page.evaluate(FIGURE.format("answers/s")) == "0"
            before = await page.evaluate(LINE.format("Answers per second"))
            async with load(f"http://127.0.0.1:{own.port}"):
                await shows(page, f"parseFloat({FIGURE.format('answers/s')}) > 10")
                await shows(page, f"{FIGURE.format('p99')}.endsWith('ms')")
                await shows(page, "document.querySelectorAll('#routes tr').length >= 3")
                cache = "document.querySelector('[data-card=\"Cache reads per second\"] b')"
                await shows(page, f"parseFloat({cache}.textContent) > 0")
            assert await page.evaluate(LINE.format("Answers per second")) != before
            assert page.errors == []

            process.send_signal(signal.SIGINT)
            process.wait(HANG)
            state = "document.getElementById('state').textContent"
            await shows(page, f"{state} === 'the service does not answer'")


@pytest.mark.extra("starts a browser")
@needs_browser
async def test_page_fits_a_phone() -> None:
    page_file = Path(__file__).parents[2] / "telemetry/live.html"
    async with browsing(page_file.as_uri(), width=390) as page:
        await shows(page, "document.querySelectorAll('.card').length >= 8")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.extra("starts a browser")
@needs_browser
async def test_observe_shows_traces_of_its_own(tmp_path: Path) -> None:
    port, admin = free_port(), free_port(2)
    with local_service(
        tmp_path, module="servicekit.dev.dashboard", PORT=str(port), ADMIN_PORT=str(admin)
    ) as process:
        seen = read_until(process, "Ctrl-C stops everything")
        (url,) = [word for word in seen.split() if "#traces=" in word]
        async with browsing(url) as page, aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/data/seen") as answer:
                assert answer.status == 200
            await shows(page, "document.getElementById('traces').innerText.includes('upstream')")
            assert page.errors == []
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=HANG)
    assert process.returncode == 0
