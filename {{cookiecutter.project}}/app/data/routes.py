from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter

from app.cache.http import cached_response
from app.data.upstream import Upstream

DataId = Annotated[str, PathParameter(pattern="^[A-Za-z0-9._~-]{1,64}$")]


class Data(msgspec.Struct, frozen=True):
    """An upstream's object, and the layer that had it."""

    data: dict[str, Any]
    source: Literal["memory", "cache", "external"]


class DataController(Controller):
    path = "/data"
    tags = ("data",)

    @get(
        "/{data_id:str}",
        responses={200: ResponseSpec(Data), 304: ResponseSpec(None, description="Not modified")},
    )
    async def get_data(
        self, request: Request[Any, Any, Any], data_id: DataId, upstream: NamedDependency[Upstream]
    ) -> Response[bytes]:
        found = await upstream.read(data_id)
        # The upstream's bytes go out as they came: decoding them would only cost time.
        body = b'{"data":%b,"source":"%b"}' % (found.entry.body, found.source.encode())
        max_age = found.entry.expires - found.entry.stored
        return cached_response(request, found, f"public, max-age={max_age:.0f}", body)
