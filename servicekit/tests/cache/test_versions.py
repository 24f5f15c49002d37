"""Two versions of the service share one cache."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from app.items.models import Item
from app.settings import Settings
from servicekit.cache.entries import CachePolicy, OriginResponse, representation_version
from servicekit.cache.invalidations import listen_for_invalidations
from servicekit.cache.leases import Leases
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey


class Documented(msgspec.Struct):
    """A type with a description."""

    name: str


class Plain(msgspec.Struct):
    name: str


def test_version_differs_when_fields_their_order_or_their_types_differ() -> None:
    fields = [
        [("id", int), ("name", str)],
        [("name", str), ("id", int)],
        [("id", int), ("name", bytes)],
        [("id", int), ("name", str), ("stock", int)],
        [("id", int), ("name", str), ("stock", int, 0)],
        [("id", int), ("nested", Plain)],
        [("id", int), ("description", str)],
        [("id", int), ("examples", str)],
    ]
    versions = [representation_version(msgspec.defstruct("Thing", each)) for each in fields]
    assert len(set(versions)) == len(fields)


def test_version_stays_when_only_documentation_differs() -> None:
    renamed = msgspec.defstruct("Plain", [("name", str)])
    assert representation_version(renamed) == representation_version(Plain)
    same = msgspec.defstruct("Plain", [("name", str)], namespace={"__doc__": "Text."})
    assert representation_version(same) == representation_version(Plain)
    shown = Annotated[str, Meta(title="A name", description="Short.", examples=["tea"])]
    documented = msgspec.defstruct("Plain", [("name", shown)])
    assert representation_version(documented) == representation_version(Plain)


async def read(settings: Settings, represents: object, body: bytes, *, leased: bool) -> bytes:
    valkey = Valkey(settings)
    leases = Leases(valkey, 0.2) if leased else None
    policy = CachePolicy(ttl=60.0, stale_ttl=60.0, negative_ttl=1.0)
    cache = TwoLevelCache("t", policy, settings, valkey, leases, represents=represents)

    async def load() -> OriginResponse:
        return OriginResponse(body, '"1"')

    async with valkey.lifespan(), listen_for_invalidations(valkey, cache):
        found = await cache.get("k", load)
        assert cache.counts.corrupt == 0
        return found.entry.body


@pytest.mark.parametrize("leased", [False, True])
async def test_each_version_gets_entries_of_its_own(empty: Settings, leased: bool) -> None:
    newer = msgspec.defstruct("Item", [("stock", int)], bases=(Item,), frozen=True)
    assert await read(empty, Item, b"old", leased=leased) == b"old"
    assert await read(empty, newer, b"new", leased=leased) == b"new"
    assert await read(empty, newer, b"other", leased=leased) == b"new"
    assert await read(empty, Item, b"old again", leased=leased) == b"old again"
