"""The conventional stack: what most teams would write for the same API.

FastAPI on gunicorn with uvicorn workers, SQLAlchemy's pool (20 + 5) on asyncpg, redis-py with JSON
values, and httpx for the upstream. Same table, same responses. A read opens a database session only
when Redis does not have the item.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import httpx
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from redis.asyncio import BlockingConnectionPool, Redis
from sqlalchemy import BigInteger, DateTime, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CACHED = os.environ.get("CACHED", "true") == "true"
ITEM_TTL = 300  # seconds
DATA_TTL = 60

_database_url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
engine = create_async_engine(_database_url, pool_size=20, max_overflow=5)
session_factory = async_sessionmaker(engine, expire_on_commit=False)
# The default pool fails its 101st user at once, and with it most of a herd.
redis = Redis.from_pool(
    BlockingConnectionPool.from_url(
        os.environ["REDIS_URL"], decode_responses=True, max_connections=100, timeout=None
    )
)
client = httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=1_000))


class Base(DeclarativeBase):
    pass


class ItemRow(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    price_cents: Mapped[int] = mapped_column(BigInteger)
    description: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ItemCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    price_cents: int = Field(ge=0)
    description: str = Field(default="", max_length=10_000)


class ItemRead(ItemCreate):
    model_config = ConfigDict(from_attributes=True)

    id: int
    version: int
    created_at: datetime
    updated_at: datetime


class ItemList(BaseModel):
    items: list[ItemRead]
    next: str | None


class UpstreamData(BaseModel):
    data: dict[str, Any]
    source: Literal["cache", "external"]


async def get_session() -> AsyncIterator[AsyncSession]:
    async with session_factory() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]
_json_object = TypeAdapter(dict[str, Any])


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await client.aclose()
    await redis.aclose()
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items/{item_id}", response_model=ItemRead)
async def get_item(
    item_id: int,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> ItemRead | Response:
    item = await _cached_item(item_id)
    headers = {"ETag": f'"{item.version}"', "Cache-Control": "no-cache"}
    if if_none_match and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return item


@app.get("/items")
async def list_items(
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[int, Query(ge=0)] = 0,
) -> ItemList:
    rows = await session.scalars(
        select(ItemRow).where(ItemRow.id > after).order_by(ItemRow.id).limit(limit)
    )
    items = [ItemRead.model_validate(row) for row in rows]
    following = f"/items?limit={limit}&after={items[-1].id}" if len(items) == limit else None
    return ItemList(items=items, next=following)


@app.post("/items", status_code=201)
async def create_item(new: ItemCreate, session: Session, response: Response) -> ItemRead:
    row = ItemRow(**new.model_dump())
    session.add(row)
    await session.commit()
    response.headers["Location"] = f"/items/{row.id}"
    response.headers["ETag"] = f'"{row.version}"'
    return ItemRead.model_validate(row)


@app.put("/items/{item_id}")
async def replace_item(
    item_id: int, new: ItemCreate, session: Session, response: Response
) -> ItemRead:
    row = await session.scalar(
        update(ItemRow)
        .where(ItemRow.id == item_id)
        .values(**new.model_dump(), version=ItemRow.version + 1, updated_at=func.now())
        .returning(ItemRow)
    )
    if row is None:
        raise HTTPException(404, f"There is no item {item_id}.")
    await session.commit()
    await redis.delete(f"item:{item_id}")
    response.headers["ETag"] = f'"{row.version}"'
    return ItemRead.model_validate(row)


@app.get("/data/{data_id}")
async def get_data(data_id: str) -> UpstreamData:
    key = f"data:{data_id}"
    if CACHED and (cached := await redis.get(key)) is not None:
        return UpstreamData(data=_json_object.validate_json(cached), source="cache")
    answer = await client.get(f"{os.environ['UPSTREAM_URL']}/{data_id}")
    if answer.status_code != 200:
        raise HTTPException(502, "The upstream's answer was not usable.")
    await redis.set(key, answer.text, ex=DATA_TTL)
    return UpstreamData(data=answer.json(), source="external")


async def _cached_item(item_id: int) -> ItemRead:
    key = f"item:{item_id}"
    if CACHED and (cached := await redis.get(key)) is not None:
        return ItemRead.model_validate_json(cached)
    async with session_factory() as session:
        row = await session.get(ItemRow, item_id)
    if row is None:
        raise HTTPException(404, f"There is no item {item_id}.")
    item = ItemRead.model_validate(row)
    if CACHED:
        await redis.set(key, item.model_dump_json(), ex=ITEM_TTL)
    return item
