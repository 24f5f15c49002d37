"""The service as tests reach it: in this process, or as processes of its own."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
import msgspec
from msgspec.structs import fields, replace

from servicekit.settings import S, Settings
from servicekit.testing.waiting import HANG


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a whole application."""
    transport = httpx.ASGITransport(app)
    async with (
        app.app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


def with_empty_cache(settings: S) -> S:
    return replace(settings, cache_prefix=f"{settings.cache_prefix}{secrets.token_hex(4)}:")


def environment_of(settings: Settings) -> dict[str, str]:
    values = {field.encode_name: getattr(settings, field.name) for field in fields(settings)}
    given = {name: str(value) for name, value in values.items() if value is not None}
    return os.environ | given


def alembic(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


@contextmanager
def server_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """`python -m app`, answering."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{settings.port}/health", process)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the workers, too
        process.communicate()


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"{url} never answered, but this came: {process.communicate()[0]}")


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    return msgspec.json.decode(response.content)
