import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from app.items.models import Item, ItemPatch, NewItem
from servicekit.cache.batches import Batcher
from servicekit.cache.entries import OriginResponse, representation_version
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.database.insert_batches import InsertBatcher
from servicekit.database.pool import DatabasePool
from servicekit.errors import IdempotencyConflict, NotFound, Unavailable, VersionMismatch
from servicekit.http.idempotency import IdempotencyKey
from servicekit.http.preconditions import Preconditions

_COLUMNS = ", ".join(Item.__struct_fields__)
_FIELDS = ", ".join(NewItem.__struct_fields__)
# A row with the values of a JSON object; what the object leaves out stays as it is.
_CHANGED = f"SELECT {_FIELDS} FROM jsonb_populate_record(items, $4)"
_UPDATE = f"UPDATE items SET ({_FIELDS}) = ({_CHANGED}), version = version + 1, updated_at = now()"
# One row for each object of a JSON array, in its order: so are the new ids.
_INSERT = (
    f"INSERT INTO items ({_FIELDS}) SELECT {_FIELDS}"
    " FROM json_populate_recordset(NULL::items, $1) WITH ORDINALITY ORDER BY ordinality"
)
# Two versions of the service that represent an item differently have different entity tags.
_REPRESENTATION = representation_version(Item)
_ETAG = f"""('"' || version || '-{_REPRESENTATION}"')"""  # as `etag_of`
_PRECONDITIONS_HOLD = f"($2::text[] IS NULL OR {_ETAG} = ANY($2)) AND {_ETAG} <> ALL($3::text[])"


class ItemStore:
    """Items in PostgreSQL, read through a cache of their JSON.

    Pages are read from `replica`, which may be a moment behind; cached items are not.

    Safe to retry after a broken connection: reads; `add_once`; `replace` and `remove` without
    preconditions. Not safe: `add` and `change`; anything with preconditions, because the retry
    would see its own first write and fail.
    """

    def __init__(self, database: DatabasePool, replica: DatabasePool, cache: TwoLevelCache) -> None:
        self._database = database
        self._replica = replica
        self.cache = cache
        self._point_reads = Batcher(self._get_all, max_size=100, concurrency=2)
        self._page_reads = Batcher(self._get_pages, max_size=10, concurrency=2)
        self._inserts = InsertBatcher(self._insert_all)

    async def read(self, item_id: int, *, bypass_cache: bool = False) -> CacheResult:
        async def load() -> OriginResponse:
            item = await self.get(item_id)
            return OriginResponse(body=msgspec.json.encode(item), etag=etag_of(item))

        read = self.cache.reload if bypass_cache else self.cache.get
        return await read(str(item_id), load)

    async def get(self, item_id: int) -> Item:
        async with _bounded(self._database):
            item = await self._point_reads.get(item_id)
        if item is None:
            raise NotFound(f"There is no item {item_id}.")
        return item

    async def page(self, limit: int, after: int) -> list[Item]:
        """At most `limit` items with an id above `after`, by id."""
        async with _bounded(self._replica):
            page = await self._page_reads.get((limit, after))
        if isinstance(page, BaseException):
            raise page
        assert page is not None  # `_get_pages` gives each
        return page

    async def add(self, new: NewItem) -> Item:
        async with _bounded(self._database):
            return self._created(await self._inserts.add(new))

    async def add_once(self, new: NewItem, key: IdempotencyKey) -> Item:
        """`add`; the same request again gets the item as it was first made.

        One statement writes the item and its key, so neither exists without the other. A second
        request with the key waits at the unique index for the first one's commit. Each statement
        also deletes up to two keys that are older than a day, which bounds the table.
        """
        try:
            row = await self._database.write_row(
                f"""
                WITH item AS (
                    {_INSERT} RETURNING {_COLUMNS}
                ), claim AS (
                    INSERT INTO idempotency_keys (operation, key, fingerprint, answer)
                    SELECT 'items.add', $2, $3, to_jsonb(item) FROM item
                ), clearing AS (
                    DELETE FROM idempotency_keys WHERE (operation, key) IN (
                        SELECT operation, key FROM idempotency_keys
                        WHERE created_at < now() - interval '1 day'
                        ORDER BY created_at LIMIT 2 FOR UPDATE SKIP LOCKED
                    )
                )
                SELECT {_COLUMNS} FROM item
                """,
                _json([new]),
                key.key,
                key.fingerprint,
                repeatable=True,  # by its key
            )
        except asyncpg.UniqueViolationError:
            return await self._first_answer(key)
        assert row is not None  # an INSERT that RETURNs
        return self._created(Item(**row))

    async def replace(self, item_id: int, new: NewItem, preconditions: Preconditions) -> Item:
        """The item with `new`'s values; VersionMismatch if its entity tag is not admitted."""
        return await self._write(
            item_id,
            preconditions,
            _UPDATE,
            _json(new),
            repeatable=not preconditions.given,
        )

    async def change(self, item_id: int, patch: ItemPatch, preconditions: Preconditions) -> Item:
        """`replace` for the fields that `patch` names."""
        return await self._write(item_id, preconditions, _UPDATE, _json(patch))

    async def remove(self, item_id: int, preconditions: Preconditions) -> None:
        await self._write(
            item_id, preconditions, "DELETE FROM items", repeatable=not preconditions.given
        )

    async def _write(
        self,
        item_id: int,
        preconditions: Preconditions,
        sql: str,
        *values: object,
        repeatable: bool = False,
    ) -> Item:
        """The row that `sql` has written, if the preconditions hold."""
        key = str(item_id)
        with self.cache.writing(key):
            row = await self._database.write_row(
                f"{sql} WHERE id = $1 AND {_PRECONDITIONS_HOLD} RETURNING {_COLUMNS}",
                item_id,
                preconditions.if_match,
                preconditions.if_none_match,
                *values,
                repeatable=repeatable,
            )
            if row is not None:
                await self.cache.invalidate(key)
                return Item(**row)
        current = (await self._get_all([item_id])).get(item_id)
        await self.cache.invalidate_unless(key, etag_of(current) if current else None)
        if current is None:
            raise NotFound(f"There is no item {item_id}.")
        raise VersionMismatch(f"Item {item_id} is at version {current.version}.")

    async def _get_all(self, item_ids: list[int]) -> dict[int, Item]:
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM items WHERE id = ANY($1)", item_ids
        )
        return {row["id"]: Item(**row) for row in rows}

    async def _get_pages(
        self, wanted: list[tuple[int, int]]
    ) -> dict[tuple[int, int], list[Item] | BaseException]:
        """Requests for the same page that wait together share one statement."""
        pages = await asyncio.gather(
            *(self._get_page(limit, after) for limit, after in wanted), return_exceptions=True
        )
        return dict(zip(wanted, pages, strict=True))

    async def _get_page(self, limit: int, after: int) -> list[Item]:
        rows = await self._replica.read(
            f"SELECT {_COLUMNS} FROM items WHERE id > $1 ORDER BY id LIMIT $2", after, limit
        )
        return [Item(**row) for row in rows]

    async def _insert_all(self, new: list[NewItem]) -> list[Item]:
        rows = await self._database.write(f"{_INSERT} RETURNING {_COLUMNS}", _json(new))
        return sorted((Item(**row) for row in rows), key=lambda item: item.id)

    def _created(self, item: Item) -> Item:
        self.cache.on_created(str(item.id))
        return item

    async def _first_answer(self, key: IdempotencyKey) -> Item:
        # A version of the service without some of the columns may have made the answer: these come
        # from the item as it is now.
        row = await self._database.read_row(
            "SELECT k.fingerprint, coalesce(to_jsonb(i), '{}') || k.answer AS answer"
            " FROM idempotency_keys k LEFT JOIN items i ON i.id = (k.answer->>'id')::bigint"
            " WHERE k.operation = 'items.add' AND k.key = $1",
            key.key,
        )
        if row is None or row["fingerprint"] != key.fingerprint:
            raise IdempotencyConflict("This Idempotency-Key belongs to another request.")
        return msgspec.json.decode(row["answer"], type=Item)


@asynccontextmanager
async def _bounded(database: DatabasePool) -> AsyncIterator[None]:
    """A statement bounds itself; this bounds the wait for its turn in a batch, too."""
    try:
        async with asyncio.timeout(database.max_wait):
            yield
    except TimeoutError as error:
        raise Unavailable("The database did not answer in time.") from error


def etag_of(item: Item) -> str:
    return f'"{item.version}-{_REPRESENTATION}"'


def _json(fields: NewItem | list[NewItem] | ItemPatch) -> str:
    return msgspec.json.encode(fields).decode()
