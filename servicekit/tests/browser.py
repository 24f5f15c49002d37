"""A headless Chromium, spoken to over its debugging protocol."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import httpx

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []  # of the console, and exceptions that nobody caught
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
        async with asyncio.timeout(20):
            return await self._answers[number]

    async def listen(self) -> None:
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said.get("result", said))
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Log.entryAdded":
                entry = said["params"]["entry"]
                if entry["level"] == "error":
                    self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            elif said["method"] == "Runtime.consoleAPICalled" and said["params"]["type"] == "error":
                self.complaints.append(str(said["params"]["args"]))


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


def _first_page(told: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError, httpx.TransportError):
            if lines := told.read_text().split():
                for target in httpx.get(f"http://127.0.0.1:{lines[0]}/json/list").json():
                    if target["type"] == "page":
                        return target["webSocketDebuggerUrl"]
        time.sleep(0.05)
    raise AssertionError("Chromium never opened a page.")
