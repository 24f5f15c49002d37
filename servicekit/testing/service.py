"""The service as tests reach it in this process, and its settings for a process of its own."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from msgspec.structs import fields, replace

from servicekit.settings import S, Settings


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


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    return msgspec.json.decode(response.content)
