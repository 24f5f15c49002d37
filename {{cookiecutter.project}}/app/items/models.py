from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

# PostgreSQL's text holds every character but NUL.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\x00]*$")]
Description = Annotated[str, Meta(max_length=10_000, pattern="^[^\x00]*$")]
Cents = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # what every JSON reader holds exactly


class Item(msgspec.Struct, frozen=True):
    """A row of the table: its columns, in this order."""

    id: int
    name: str
    price_cents: int
    description: str
    version: int
    created_at: datetime
    updated_at: datetime


class NewItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    price_cents: Cents
    description: Description = ""


class ItemPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; the others stay as they are."""

    name: Name | UnsetType = UNSET
    price_cents: Cents | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Item]
    next: str | None  # the address of the page that follows
