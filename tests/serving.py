"""Starts a service as people do, asks it, and ends it with Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

DEMO = ("make", "demo", f"PYTHON={sys.executable}")
ITEM = {"name": "tea", "price_cents": 350}
INSTALL_AND_START = 600  # seconds, with nothing in pip's cache


@contextmanager
def serving(*command: str, cwd: Path, log: Path) -> Iterator[str]:
    """The address that the command prints once the service answers."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield _address(process, log)
    finally:
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does at Ctrl-C
        process.wait(60)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + INSTALL_AND_START
    while not (found := re.search(r"curl -i (http://[^/]+)/", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return found[1]


def ask(url: str, body: dict[str, object] | None = None) -> Any:
    """The JSON that comes back; a failure raises."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)
