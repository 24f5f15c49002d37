import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import asyncpg

from app.items.models import Item
from servicekit.cache.entries import representation_version
from verification.faults.system import ServiceUnderTest, System
from verification.faults.table import FaultCheck, at_least, none

_PAUSE = 0.02  # seconds between two writes
_TRIES = 5
_COUNTERS = 8
_UNKNOWN = (aiohttp.ClientError, TimeoutError)  # no answer: it may have happened or not


@dataclass
class _CountingItem:
    id: int
    name: str
    version: int = 1  # as far as the client knows
    value: int = 0  # of the last write that was sent
    acknowledged: tuple[int, int] = (1, 0)  # version and value

    def contradicts(self, row: asyncpg.Record) -> bool:
        """True if the database has less than was acknowledged, or another value of that version."""
        version, value = self.acknowledged
        found = row["version"], row["price_cents"]
        return found < (version, value) or (found[0] == version and found[1] != value)


class WriteAudit:
    """A client that remembers what the service acknowledged, to compare with the database.

    It creates items under names of its own, repeating one with the same Idempotency-Key until it
    is acknowledged, and counts several items up, all at once, by conditional writes.
    """

    def __init__(self, service: ServiceUnderTest) -> None:
        self._service = service
        self._name = f"audit {secrets.token_hex(4)}"
        self._attempted = 0
        self._created: dict[str, int] = {}  # acknowledged: the item's id, by its name
        self._counters: list[_CountingItem] = []
        self._counted_on = 0
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def kept(cls, service: ServiceUnderTest) -> AsyncIterator[Self]:
        audit = cls(service)
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(service.url, timeout=timeout) as client:
            for number in range(_COUNTERS):
                name = f"counter {number}"
                given = audit._item(name, 0)
                status, item = await audit._send(client, "POST", "/items", given)
                assert status == 201
                audit._counters.append(_CountingItem(item["id"], name))
            audit._tasks = [
                asyncio.create_task(audit._create(client)),
                asyncio.create_task(audit._count(client)),
            ]
            try:
                yield audit
            finally:
                await audit.close()

    async def close(self) -> None:
        """Ends the writing; what is under way is waited for."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def checks(self, system: System) -> list[FaultCheck]:
        rows = await system.sql(
            "SELECT id, name, price_cents, version FROM items WHERE starts_with(name, $1)",
            self._name,
        )
        found = {row["name"]: row["id"] for row in rows}
        times = Counter(row["name"] for row in rows)
        by_id = {row["id"]: row for row in rows}
        wrong = [each for each in self._counters if each.contradicts(by_id[each.id])]
        lost = [name for name, item_id in self._created.items() if found.get(name) != item_id]
        twice = [name for name, count in times.items() if count > 1]
        return [
            none("audit: acknowledged and lost", lost),
            none("audit: there twice", twice),
            none("audit: counter contradicts", wrong),
            at_least("audit: acknowledged", len(self._created) + self._counted_on, 1),
        ]

    async def _create(self, client: aiohttp.ClientSession) -> None:
        while not self._stopped.is_set():
            self._attempted += 1
            name = f"{self._name} {self._attempted}"
            for _ in range(_TRIES):
                with suppress(*_UNKNOWN):
                    status, item = await self._send(client, "POST", "/items", self._item(name, 1))
                    if status == 201:
                        self._created[name] = item["id"]
                        break
                await asyncio.sleep(_PAUSE * 5)
            await asyncio.sleep(_PAUSE)

    async def _count(self, client: aiohttp.ClientSession) -> None:
        while not self._stopped.is_set():
            await asyncio.gather(*(self._count_up(client, counter) for counter in self._counters))
            await asyncio.sleep(_PAUSE)

    async def _count_up(self, client: aiohttp.ClientSession, counter: _CountingItem) -> None:
        counter.value += 1
        with suppress(*_UNKNOWN):
            given, etag = self._item(counter.name, counter.value), _etag(counter.version)
            status, item = await self._send(client, "PUT", f"/items/{counter.id}", given, etag)
            if status == 200:
                counter.version = item["version"]
                counter.acknowledged = counter.version, counter.value
                self._counted_on += 1
            elif status == 412:  # an earlier write happened though nobody said so
                counter.version = int(item["detail"].rstrip(".").rpartition(" ")[2])

    async def _send(
        self,
        client: aiohttp.ClientSession,
        method: str,
        path: str,
        item: dict[str, object],
        version: str = "*",
    ) -> tuple[int, Any]:
        headers = (
            {"Idempotency-Key": str(item["name"])} if method == "POST" else {"If-Match": version}
        )
        async with client.request(method, path, json=item, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    def _item(self, name: str, price: int) -> dict[str, object]:
        name = name if name.startswith(self._name) else f"{self._name} {name}"
        return {"name": name, "price_cents": price}


def _etag(version: object) -> str:
    return f'"{version}-{representation_version(Item)}"'
