import hashlib

import asyncpg
import msgspec

from app.items.models import Item, ItemPatch, NewItem
from servicekit.cache.batches import Batcher
from servicekit.cache.entries import OriginResponse
from servicekit.cache.two_level import CacheResult, TwoLevelCache
from servicekit.database.pool import Database
from servicekit.errors import IdempotencyConflict, NotFound, VersionMismatch
from servicekit.http.preconditions import Preconditions

_COLUMNS = ", ".join(Item.__struct_fields__)
_ETAG = """('"' || version || '"')"""  # as `etag_of`
_PRECONDITIONS_HOLD = f"($2::text[] IS NULL OR {_ETAG} = ANY($2)) AND {_ETAG} <> ALL($3::text[])"


class ItemStore:
    """Items in PostgreSQL, read through a cache of the JSON that goes out.

    Pages come from `replica`, which may be a moment behind; what is cached never does.

    Repeatable is what reads, what an Idempotency-Key guards, and a replacement or removal of any
    version: the second one leaves what the first one left. One of a certain version would find
    its own work and call it someone else's; a change and a creation without a key say nothing.
    """

    def __init__(self, database: Database, replica: Database, cache: TwoLevelCache) -> None:
        self._database = database
        self._replica = replica
        self.cache = cache
        self._point_reads = Batcher(self._get_all, max_size=100, concurrency=2)

    async def read(self, item_id: int) -> CacheResult:
        async def load() -> OriginResponse:
            item = await self.get(item_id)
            return OriginResponse(body=msgspec.json.encode(item), etag=etag_of(item))

        return await self.cache.get(str(item_id), load)

    async def get(self, item_id: int) -> Item:
        item = await self._point_reads.get(item_id)
        if item is None:
            raise NotFound(f"There is no item {item_id}.")
        return item

    async def page(self, limit: int, after: int) -> list[Item]:
        """At most `limit` items with an id above `after`, by id."""
        rows = await self._replica.read(
            f"SELECT {_COLUMNS} FROM items WHERE id > $1 ORDER BY id LIMIT $2",
            after,
            limit,
        )
        return [Item(*row) for row in rows]

    async def add(self, new: NewItem) -> Item:
        row = await self._database.write_row(
            "INSERT INTO items (name, price_cents, description) VALUES ($1, $2, $3)"
            f" RETURNING {_COLUMNS}",
            new.name,
            new.price_cents,
            new.description,
        )
        return self._created(row)

    async def add_once(self, new: NewItem, key: str) -> Item:
        """`add`, but a key that was seen answers with the item as it was first made.

        The item and its key are written by one statement, so neither exists without the other; a
        second request with the key waits for the first one's commit at the unique index. Each
        statement also clears up to two keys that are past their day, which bounds the table.
        """
        fingerprint = hashlib.sha256(msgspec.json.encode(new)).digest()
        try:
            row = await self._database.write_row(
                f"""
                WITH item AS (
                    INSERT INTO items (name, price_cents, description) VALUES ($1, $2, $3)
                    RETURNING {_COLUMNS}
                ), claim AS (
                    INSERT INTO idempotency_keys (operation, key, fingerprint, answer)
                    SELECT 'items.add', $4, $5, to_jsonb(item) FROM item
                ), clearing AS (
                    DELETE FROM idempotency_keys WHERE (operation, key) IN (
                        SELECT operation, key FROM idempotency_keys
                        WHERE created_at < now() - interval '1 day'
                        ORDER BY created_at LIMIT 2 FOR UPDATE SKIP LOCKED
                    )
                )
                SELECT {_COLUMNS} FROM item
                """,
                new.name,
                new.price_cents,
                new.description,
                key,
                fingerprint,
                repeatable=True,  # by its key
            )
        except asyncpg.UniqueViolationError:
            return await self._first_answer(key, fingerprint)
        return self._created(row)

    async def replace(self, item_id: int, new: NewItem, preconditions: Preconditions) -> Item:
        """The item with `new`'s values; VersionMismatch if its entity tag is not admitted."""
        row = await self._database.write_row(
            "UPDATE items SET name = $4, price_cents = $5, description = $6,"
            " version = version + 1, updated_at = now()"
            f" WHERE id = $1 AND {_PRECONDITIONS_HOLD} RETURNING {_COLUMNS}",
            item_id,
            preconditions.if_match,
            preconditions.if_none_match,
            new.name,
            new.price_cents,
            new.description,
            repeatable=not preconditions.given,
        )
        return await self._written(row, item_id)

    async def change(self, item_id: int, patch: ItemPatch, preconditions: Preconditions) -> Item:
        """`replace` for the fields that `patch` names."""
        changes = msgspec.to_builtins(patch)
        row = await self._database.write_row(
            "UPDATE items SET name = coalesce($4, name), price_cents = coalesce($5, price_cents),"
            " description = coalesce($6, description), version = version + 1, updated_at = now()"
            f" WHERE id = $1 AND {_PRECONDITIONS_HOLD} RETURNING {_COLUMNS}",
            item_id,
            preconditions.if_match,
            preconditions.if_none_match,
            changes.get("name"),
            changes.get("price_cents"),
            changes.get("description"),
        )
        return await self._written(row, item_id)

    async def remove(self, item_id: int, preconditions: Preconditions) -> None:
        row = await self._database.write_row(
            f"DELETE FROM items WHERE id = $1 AND {_PRECONDITIONS_HOLD} RETURNING {_COLUMNS}",
            item_id,
            preconditions.if_match,
            preconditions.if_none_match,
            repeatable=not preconditions.given,
        )
        await self._written(row, item_id)

    async def _get_all(self, item_ids: list[int]) -> dict[int, Item]:
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM items WHERE id = ANY($1)", item_ids
        )
        return {row["id"]: Item(*row) for row in rows}

    def _created(self, row: asyncpg.Record | None) -> Item:
        assert row is not None  # an INSERT that RETURNs
        item = Item(*row)
        self.cache.on_created(str(item.id))
        return item

    async def _written(self, row: asyncpg.Record | None, item_id: int) -> Item:
        if row is None:
            current = await self.get(item_id)
            raise VersionMismatch(f"Item {item_id} is at version {current.version}.")
        await self.cache.invalidate(str(item_id))
        return Item(*row)

    async def _first_answer(self, key: str, fingerprint: bytes) -> Item:
        row = await self._database.read_row(
            "SELECT fingerprint, answer FROM idempotency_keys"
            " WHERE operation = 'items.add' AND key = $1",
            key,
        )
        if row is None or row["fingerprint"] != fingerprint:
            raise IdempotencyConflict("This Idempotency-Key belongs to another request.")
        return msgspec.json.decode(row["answer"], type=Item)


def etag_of(item: Item) -> str:
    return f'"{item.version}"'
