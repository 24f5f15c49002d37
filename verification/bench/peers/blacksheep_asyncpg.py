"""BlackSheep on asyncpg with msgspec, served by Granian: a fast plain service without a cache."""

import os
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import msgspec
from blacksheep import Application, Content, Request, Response, get, post, put
from msgspec import Meta

_COLUMNS = "id, name, price_cents, description, version, created_at, updated_at"


class ItemCreate(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    price_cents: Annotated[int, Meta(ge=0)]
    description: Annotated[str, Meta(max_length=10_000)] = ""


class ItemRead(msgspec.Struct):
    id: int
    name: str
    price_cents: int
    description: str
    version: int
    created_at: datetime
    updated_at: datetime


class ItemList(msgspec.Struct):
    items: list[ItemRead]
    next: str | None


app = Application()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ItemCreate).decode
_pool: asyncpg.Pool


@app.on_start
async def open_pool(_app: Application) -> None:
    global _pool
    _pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10)


@app.on_stop
async def close_pool(_app: Application) -> None:
    await _pool.close()


@get("/health")
async def health() -> Response:
    return _json(200, {"status": "ok"})


@get("/items/{item_id}")
async def get_item(request: Request, item_id: int) -> Response:
    row = await _pool.fetchrow(f"SELECT {_COLUMNS} FROM items WHERE id = $1", item_id)
    if row is None:
        return Response(404)
    etag = b'"%d"' % row["version"]
    headers = [(b"ETag", etag), (b"Cache-Control", b"no-cache")]
    if etag in (request.get_first_header(b"If-None-Match") or b""):
        return Response(304, headers)
    return _json(200, ItemRead(*row), headers)


@get("/items")
async def list_items(limit: int = 20, after: int = 0) -> Response:
    rows = await _pool.fetch(
        f"SELECT {_COLUMNS} FROM items WHERE id > $1 ORDER BY id LIMIT $2", after, limit
    )
    following = f"/items?limit={limit}&after={rows[-1]['id']}" if len(rows) == limit else None
    return _json(200, ItemList([ItemRead(*row) for row in rows], following))


@post("/items")
async def create_item(request: Request) -> Response:
    try:
        new = _decode(await request.read() or b"")
    except msgspec.DecodeError:
        return Response(400)
    row = await _pool.fetchrow(
        "INSERT INTO items (name, price_cents, description) VALUES ($1, $2, $3)"
        f" RETURNING {_COLUMNS}",
        new.name,
        new.price_cents,
        new.description,
    )
    assert row
    headers = [(b"Location", b"/items/%d" % row["id"]), (b"ETag", b'"%d"' % row["version"])]
    return _json(201, ItemRead(*row), headers)


@put("/items/{item_id}")
async def replace_item(request: Request, item_id: int) -> Response:
    try:
        new = _decode(await request.read() or b"")
    except msgspec.DecodeError:
        return Response(400)
    row = await _pool.fetchrow(
        "UPDATE items SET name = $2, price_cents = $3, description = $4, version = version + 1,"
        f" updated_at = now() WHERE id = $1 RETURNING {_COLUMNS}",
        item_id,
        new.name,
        new.price_cents,
        new.description,
    )
    if row is None:
        return Response(404)
    return _json(200, ItemRead(*row), [(b"ETag", b'"%d"' % row["version"])])


def _json(status: int, document: Any, headers: list[tuple[bytes, bytes]] | None = None) -> Response:
    return Response(status, headers, Content(b"application/json", _encode(document)))
