"""What is measured, on which servers, and which ratios are promised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.items.models import Item
from servicekit.cache.entries import representation_version

ITEMS = 200_000  # rows of the table before the first create; more than memory caches hold
HOT = 100  # distinct ids of a hot case
PLAIN = ("conventional", "fastapi", "blacksheep")  # peers with a database


@dataclass(frozen=True, kw_only=True)
class Case:
    """`url` with {} for an id from 1 to `ids`. `promised` has the ratios of our rate to others'."""

    name: str
    url: str
    ids: int = 1
    method: str = "GET"
    body: str = ""  # with {} for the same number
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    ours: Mapping[str, str] = field(default_factory=dict)  # settings
    peers: tuple[str, ...] = PLAIN
    sql: str = ""  # pgbench runs it, with :id for the id: the bound
    promised: Mapping[str, float] = field(default_factory=dict)


_COLUMNS = "id, name, price_cents, description, version, created_at, updated_at"
_BODY = '{"name": "tea {}", "price_cents": {}, "description": "a box of {}"}'
_JSON = {"Content-Type": "application/json"}
_NO_MEMORY = {"MEMORY_CACHE_ENTRIES": "0"}

CASES = (
    Case(name="health", url="/health", peers=("bare", *PLAIN)),
    Case(name="hot", url="/items/{}", ids=HOT, peers=("bare", *PLAIN), promised={"bare": 0.95}),
    Case(
        name="304",
        url="/items/{}",
        ids=HOT,
        headers={"If-None-Match": f'"1", "1-{representation_version(Item)}"'},  # theirs, ours
        status=304,
        peers=("bare", *PLAIN),
        promised={"bare": 0.95},
    ),
    Case(
        name="data",
        url="/data/{}",
        ids=HOT,
        peers=("bare", "conventional"),
        promised={"bare": 0.95},
    ),
    Case(name="valkey", url="/items/{}", ids=HOT, ours=_NO_MEMORY, peers=("conventional",)),
    Case(
        name="random",
        url="/items/{}",
        ids=ITEMS,
        sql=f"SELECT {_COLUMNS} FROM items WHERE id = :id;",
        promised={"blacksheep": 1.3},
    ),
    Case(
        name="list",
        url="/items?limit=20&after={}",
        ids=HOT,
        sql=f"SELECT {_COLUMNS} FROM items WHERE id > :id ORDER BY id LIMIT 20;",
        promised={"blacksheep": 1.2},
    ),
    Case(
        name="create",
        url="/items",
        ids=HOT,
        method="POST",
        body=_BODY,
        headers=_JSON,
        status=201,
        sql="INSERT INTO items (name, price_cents, description)"
        f" VALUES ('tea ' || :id, :id, 'a box of ' || :id) RETURNING {_COLUMNS};",
        promised={"blacksheep": 2.0, "conventional": 6.0},
    ),
    Case(
        name="replace",
        url="/items/{}",
        ids=ITEMS,
        method="PUT",
        body=_BODY,
        headers=_JSON,
        sql="UPDATE items SET name = 'tea ' || :id, price_cents = :id,"
        " description = 'a box of ' || :id, version = version + 1, updated_at = now()"
        f" WHERE id = :id RETURNING {_COLUMNS};",
        promised={"blacksheep": 1.5},
    ),
)
