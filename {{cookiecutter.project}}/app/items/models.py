from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from servicekit.http.merge_patch import patches

# PostgreSQL's text holds every character but NUL.
_TEXT = r"^[^\x00]*$"
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT, examples=["tea"])]
Description = Annotated[str, Meta(max_length=10_000, pattern=_TEXT, examples=["a box of 20"])]
# 2^53 - 1 is the largest integer that every JSON reader holds exactly.
Cents = Annotated[int, Meta(ge=0, le=2**53 - 1, examples=[350])]
Time = Annotated[datetime, Meta(tz=True)]


class NewItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client says of an item. A field here is a column of the table."""

    name: Name
    price_cents: Cents
    description: Description = ""


class Item(NewItem, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """An item, with what the service says of it."""

    id: int
    version: int
    created_at: Time
    updated_at: Time


@patches(NewItem)
class ItemPatch(msgspec.Struct):
    """The fields to change. The others stay as they are."""


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Items in the order of their ids."""

    items: list[Item]
    next: str | None  # the address of the next page
