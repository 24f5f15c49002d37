"""FastAPI on asyncpg, served by Granian: no ORM, no cache, and responses as bytes of pydantic-core,
which FastAPI then does not validate a second time."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

_COLUMNS = "id, name, price_cents, description, version, created_at, updated_at"


class ItemCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    price_cents: int = Field(ge=0)
    description: str = Field(default="", max_length=10_000)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items/{item_id}")
async def get_item(item_id: int, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    item = await app.state.pool.fetchrow(f"SELECT {_COLUMNS} FROM items WHERE id = $1", item_id)
    if item is None:
        raise HTTPException(404, f"There is no item {item_id}.")
    headers = {"ETag": f'"{item["version"]}"', "Cache-Control": "no-cache"}
    if if_none_match and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    return _json(dict(item), headers=headers)


@app.get("/items")
async def list_items(
    limit: Annotated[int, Query(ge=1, le=100)] = 20, after: Annotated[int, Query(ge=0)] = 0
) -> Response:
    rows = await app.state.pool.fetch(
        f"SELECT {_COLUMNS} FROM items WHERE id > $1 ORDER BY id LIMIT $2", after, limit
    )
    following = f"/items?limit={limit}&after={rows[-1]['id']}" if len(rows) == limit else None
    return _json({"items": [dict(row) for row in rows], "next": following})


@app.post("/items")
async def create_item(new: ItemCreate) -> Response:
    item = await app.state.pool.fetchrow(
        "INSERT INTO items (name, price_cents, description) VALUES ($1, $2, $3)"
        f" RETURNING {_COLUMNS}",
        new.name,
        new.price_cents,
        new.description,
    )
    headers = {"Location": f"/items/{item['id']}", "ETag": f'"{item["version"]}"'}
    return _json(dict(item), status=201, headers=headers)


@app.put("/items/{item_id}")
async def replace_item(item_id: int, new: ItemCreate) -> Response:
    item = await app.state.pool.fetchrow(
        "UPDATE items SET name = $2, price_cents = $3, description = $4, version = version + 1,"
        f" updated_at = now() WHERE id = $1 RETURNING {_COLUMNS}",
        item_id,
        new.name,
        new.price_cents,
        new.description,
    )
    if item is None:
        raise HTTPException(404, f"There is no item {item_id}.")
    return _json(dict(item), headers={"ETag": f'"{item["version"]}"'})


def _json(
    document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(to_json(document), status, headers, media_type="application/json")
