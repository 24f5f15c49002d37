"""A headless Chromium, driven by its debugging protocol."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from servicekit.testing.waiting import HANG
from servicekit.tests.waiting import wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []  # logged to the console, and uncaught exceptions
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def evaluate(self, script: str) -> Any:
        answer = await self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(HANG):
            return await self._answers[number]

    async def listen(self) -> None:
        async for message in self._socket:
            event = message.json()
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event.get("result", event))
            elif event["method"] == "Runtime.exceptionThrown":
                self.errors.append(str(event["params"]["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded":
                entry = event["params"]["entry"]
                if entry["level"] == "error":
                    self.errors.append(f"{entry['text']} {entry.get('url', '')}")
            elif (
                event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] == "error"
            ):
                self.errors.append(str(event["params"]["args"]))


@asynccontextmanager
async def browsing(url: str, width: int = 1280, height: int = 900) -> AsyncIterator[Page]:
    with _chromium() as target:
        async with aiohttp.ClientSession() as session, session.ws_connect(target) as socket:
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            for domain in ("Page", "Runtime", "Log"):
                await page.command(f"{domain}.enable")
            size = {"width": width, "height": height, "deviceScaleFactor": 1}
            await page.command("Emulation.setDeviceMetricsOverride", mobile=width < 600, **size)
            await page.command("Page.navigate", url=url)
            yield page
            listening.cancel()


@contextmanager
def _chromium() -> Iterator[str]:
    """The address of a new browser's first page."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield _first_page(Path(folder, "DevToolsActivePort"))
        finally:
            browser.kill()
            browser.wait()


def _first_page(port_file: Path) -> str:
    pages: list[str] = []

    def is_open() -> bool:
        with suppress(OSError, httpx.TransportError):
            if lines := port_file.read_text().split():
                targets = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list").json()
                pages.extend(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
        return bool(pages)

    wait_until(is_open)
    return pages[0]
