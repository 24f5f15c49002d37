"""A headless Chromium, driven by chromedriver's own HTTP: what a page looks like to a reader."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

PHONE, DESK = (390, 844), (1280, 900)
# a page must not need them; Chromium mustn't ask for anything by itself either
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
MISSING = "" if shutil.which("chromedriver") else "there is no chromedriver on PATH"


class Browser:
    def __init__(self, address: str) -> None:
        self._address = address
        wanted = {
            "goog:chromeOptions": {"args": list(_ARGUMENTS)},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._ask("/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def open(self, file: Path, size: tuple[int, int], scheme: str) -> None:
        """Shows a file to somebody who prefers `scheme`, light or dark."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._devtools("Emulation.setEmulatedMedia", media)
        self._ask(f"{self._session}/url", {"url": file.absolute().as_uri()})

    def value(self, expression: str) -> Any:
        script = {"script": f"return {expression}", "args": []}
        return self._ask(f"{self._session}/execute/sync", script)

    def complaints(self) -> list[str]:
        """What the console has had since it was last asked."""
        entries = self._ask(f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def requests(self) -> list[str]:
        """Addresses that pages have asked for since it was last asked."""
        entries = self._ask(f"{self._session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def screenshot(self, file: Path) -> Path:
        """The whole page, beyond what the window shows."""
        taken = self._devtools("Page.captureScreenshot", {"captureBeyondViewport": True})
        file.write_bytes(base64.b64decode(taken["data"]))
        return file

    def quit(self) -> None:
        urlopen(Request(self._address + self._session, method="DELETE"), timeout=20).close()

    def _devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        body = {"cmd": command, "params": parameters}
        return self._ask(f"{self._session}/goog/cdp/execute", body)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        request = Request(self._address + path, json.dumps(body).encode())
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextmanager
def browsing() -> Iterator[Browser]:
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert driver.stdout
        found = (re.search(r"successfully on port (\d+)", line) for line in driver.stdout)
        port = next(match[1] for match in found if match)
        browser = Browser(f"http://127.0.0.1:{port}")
        try:
            yield browser
        finally:
            browser.quit()
    finally:
        driver.terminate()
        driver.wait(timeout=20)
        if driver.stdout:
            driver.stdout.close()
