import re
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.types import ASGIApp

from app.data.upstream import Upstream
from servicekit.cache.entries import Entry
from servicekit.cache.representation import Representation
from servicekit.cache.results import Source
from servicekit.http.openapi import PROBLEM, cached_responses

# Neither `.` nor `..`, which an address resolves. In Python, `$` alone allows a newline after it.
DATA_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,64}")

DataId = Annotated[str, PathParameter(pattern=rf"^{DATA_ID.pattern}$(?!\n)")]


class Data(msgspec.Struct, frozen=True):
    """An object of the upstream, and the layer that it came from."""

    data: dict[str, Any]
    source: Source


def _cache_control(entry: Entry, caches: Literal["public", "private"]) -> str:
    if not entry.kept:
        return "private, no-store"
    return f"{caches}, max-age={entry.fresh_until - entry.stored_at:.0f}"


def _wrapped(entry: Entry, source: Source) -> bytes:
    # The upstream's bytes are sent as they are. Decoding them would only cost time.
    return b'{"data":%b,"source":"%b"}' % (entry.body, source.encode())


_PUBLIC = Representation(lambda entry: _cache_control(entry, "public"), _wrapped)
_PRIVATE = Representation(lambda entry: _cache_control(entry, "private"), _wrapped)


def data_of(upstream: Upstream) -> Representation:
    return _PRIVATE if upstream.private else _PUBLIC


class DataController(Controller):
    path = "/data"
    tags = ("data",)

    @get("/{data_id:str}", responses={**cached_responses(Data), 502: PROBLEM})
    async def get_data(
        self, request: Request[Any, Any, Any], data_id: DataId, upstream: NamedDependency[Upstream]
    ) -> ASGIApp:
        return data_of(upstream).answer(request.scope, await upstream.read(data_id))
