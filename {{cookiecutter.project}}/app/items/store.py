from functools import partial

import asyncpg
import msgspec

from app.items.models import Item, ItemPatch, NewItem
from servicekit.cache.entries import OriginResponse, representation_version
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.database.pool import DatabasePool
from servicekit.database.write_batches import WriteBatches
from servicekit.errors import IdempotencyConflict, NotFound, VersionMismatch
from servicekit.http.idempotency import IdempotencyKey
from servicekit.http.preconditions import Preconditions

MAX_PAGE = 100  # items
_COLUMNS = ", ".join(Item.__struct_fields__)
_FIELDS = ", ".join(NewItem.__struct_fields__)
# One row for each object of a JSON array, in its order: so are the new ids.
_INSERT = (
    f"INSERT INTO items ({_FIELDS}) SELECT {_FIELDS}"
    " FROM json_populate_recordset(NULL::items, $1) WITH ORDINALITY ORDER BY ordinality"
)
# Two versions of the service that represent an item differently have different entity tags.
_REPRESENTATION = representation_version(Item)
_ETAG = f"""('"' || version || '-{_REPRESENTATION}"')"""  # as `etag_of`

# What the JSON leaves out stays as it is.
_UPDATE = f"""UPDATE items
    SET ({_FIELDS}) = (SELECT {_FIELDS} FROM jsonb_populate_record(items, given_fields)),
        version = version + 1, updated_at = now()
    FROM given"""
_DELETE = "DELETE FROM items USING given"
# PostgreSQL looks up the ids of an array that it knows late. With a join it reads a table of 20,000
# rows whole, and with an array as parameter it plans each statement anew.
_GIVEN_IDS = "ARRAY(SELECT given_id FROM given)"
# Those that no other transaction is writing: one slow row holds up no other, and none deadlock.
_FREE_IDS = f"ARRAY(SELECT id FROM items WHERE id = ANY({_GIVEN_IDS}) FOR UPDATE SKIP LOCKED)"


class _Write(msgspec.Struct, frozen=True):
    """Named like no column of the table."""

    given_id: int
    given_fields: NewItem | ItemPatch | None
    given_match: tuple[str, ...] | None
    given_none_match: tuple[str, ...]


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
        self._point_reads = database.batcher(self._get_all, max_size=100, reads=True)
        self._page_reads = replica.batcher(self._get_pages, max_size=10, reads=True)
        self._inserts = WriteBatches(database, self._insert_all)
        self._writes = {
            (statement, repeatable): WriteBatches(
                database, partial(self._write_all, statement, repeatable=repeatable)
            )
            for statement in (_UPDATE, _DELETE)
            for repeatable in (False, True)
        }

    async def read(self, item_id: int, *, bypass_cache: bool = False) -> CacheResult:
        read = self.cache.reload if bypass_cache else self.cache.get
        return await read(str(item_id), partial(self.load, item_id))

    async def load(self, item_id: int) -> OriginResponse:
        item = await self.get(item_id)
        return OriginResponse(body=msgspec.json.encode(item), etag=etag_of(item))

    async def get(self, item_id: int) -> Item:
        item = await self._point_reads.get(item_id)
        if item is None:
            raise NotFound(f"There is no item {item_id}.")
        return item

    async def page(self, limit: int, after: int) -> list[Item]:
        """At most `limit` items with an id above `after`, by id."""
        return await self._page_reads.get((limit, after)) or []

    async def add(self, new: NewItem) -> Item:
        item = await self._inserts.write(new)
        assert item is not None  # `_insert_all` gives each
        return self._created(item)

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
        except asyncpg.UniqueViolationError as error:
            if error.as_dict().get("table_name") != "idempotency_keys":
                raise
            return await self._first_answer(key)
        assert row is not None  # an INSERT that RETURNs
        return self._created(Item(**row))

    async def replace(self, item_id: int, new: NewItem, preconditions: Preconditions) -> Item:
        """The item with `new`'s values; VersionMismatch if its entity tag is not admitted."""
        repeatable = not preconditions.given
        return await self._write(_UPDATE, item_id, new, preconditions, repeatable=repeatable)

    async def change(self, item_id: int, patch: ItemPatch, preconditions: Preconditions) -> Item:
        """`replace` for the fields that `patch` names."""
        return await self._write(_UPDATE, item_id, patch, preconditions, repeatable=False)

    async def remove(self, item_id: int, preconditions: Preconditions) -> None:
        repeatable = not preconditions.given
        await self._write(_DELETE, item_id, None, preconditions, repeatable=repeatable)

    async def _write(
        self,
        statement: str,
        item_id: int,
        fields: NewItem | ItemPatch | None,
        preconditions: Preconditions,
        *,
        repeatable: bool,
    ) -> Item:
        """The row that the statement has written, if the preconditions hold."""
        key = str(item_id)
        write = _Write(item_id, fields, preconditions.if_match, preconditions.if_none_match)
        with self.cache.writing(key):
            item = await self._writes[statement, repeatable].write(write, item_id)
            if item is not None:
                return item
        current = (await self._get_all([item_id])).get(item_id)
        await self.cache.invalidate_unless(key, etag_of(current) if current else None)
        if current is None:
            raise NotFound(f"There is no item {item_id}.")
        raise VersionMismatch(f"Item {item_id} is at version {current.version}.")

    async def _write_all(
        self, statement: str, writes: list[_Write], *, repeatable: bool, waits: bool
    ) -> list[Item | None]:
        rows = await self._database.write(
            f"""
            WITH given AS (
                SELECT given_id, given_fields, given_match, given_none_match
                FROM json_to_recordset($1) AS _(
                    given_id bigint, given_fields jsonb, given_match text[], given_none_match text[]
                )
            )
            {statement} WHERE id = given_id AND id = ANY({_GIVEN_IDS if waits else _FREE_IDS})
                AND (given_match IS NULL OR {_ETAG} = ANY(given_match))
                AND {_ETAG} <> ALL(given_none_match)
            RETURNING {_COLUMNS}
            """,
            _json(writes),
            repeatable=repeatable,
        )
        written = {row["id"]: Item(**row) for row in rows}
        await self.cache.invalidate(*map(str, written))
        return [written.get(write.given_id) for write in writes]

    async def _get_all(self, item_ids: list[int]) -> dict[int, Item]:
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM items WHERE id = ANY(ARRAY(SELECT unnest($1::bigint[])))",
            item_ids,
        )
        return {row["id"]: Item(**row) for row in rows}

    async def _get_pages(self, wanted: list[tuple[int, int]]) -> dict[tuple[int, int], list[Item]]:
        rows = await self._replica.read(
            f"""
            SELECT wanted_page, {_COLUMNS} FROM unnest($1::int[], $2::bigint[])
                WITH ORDINALITY AS _(wanted_limit, wanted_after, wanted_page), LATERAL (
                    SELECT {_COLUMNS} FROM (
                        SELECT {_COLUMNS} FROM items WHERE id > wanted_after
                        ORDER BY id LIMIT {MAX_PAGE}  -- PostgreSQL plans for no longer page
                    ) AS _ LIMIT wanted_limit
                ) AS _page
            ORDER BY wanted_page, id
            """,
            [limit for limit, _ in wanted],
            [after for _, after in wanted],
        )
        pages: list[list[Item]] = [[] for _ in wanted]
        for row in rows:
            fields = dict(row)
            pages[fields.pop("wanted_page") - 1].append(Item(**fields))
        return dict(zip(wanted, pages, strict=True))

    async def _insert_all(self, new: list[NewItem], *, waits: bool) -> list[Item]:
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


def etag_of(item: Item) -> str:
    return f'"{item.version}-{_REPRESENTATION}"'


def _json(rows: list[NewItem] | list[_Write]) -> str:
    return msgspec.json.encode(rows).decode()
