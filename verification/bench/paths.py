"""What is measured, with which layers on, and how much faster than the yardstick it has to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.items.models import Item
from servicekit.cache.entries import representation_version

ITEMS = 50_000  # rows of the table before the first create
HOT = 100  # distinct ids of a hot path
MOST_COST = 0.08  # of the rate, for metrics


@dataclass(frozen=True, kw_only=True)
class Path:
    """`url` with {} for an id from 1 to `ids`; ours has to give `target` times the yardstick's
    rate, and `of_bare` of the bare application's. `uncounted`: ours without metrics as well, which
    may give at most `MOST_COST` more."""

    name: str
    title: str
    url: str
    ids: int = 1
    method: str = "GET"
    body: str = ""  # with {} for the same number
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    ours: Mapping[str, str] = field(default_factory=dict)  # settings
    yardstick: Mapping[str, str] = field(default_factory=dict)
    target: float | None = None
    of_bare: float | None = None
    uncounted: bool = False


_NO_MEMORY = {"MEMORY_CACHE_ENTRIES": "0"}
_NO_CACHE = {**_NO_MEMORY, "SHARED_CACHE": "false"}

PATHS = (
    Path(name="health", title="GET /health", url="/health"),
    Path(
        name="hot",
        title="GET /items/{id}, hot",
        url="/items/{}",
        ids=HOT,
        target=9,
        of_bare=0.9,
        uncounted=True,
    ),
    Path(
        name="304",
        title="  with If-None-Match (304)",
        url="/items/{}",
        ids=HOT,
        headers={"If-None-Match": f'"1", "1-{representation_version(Item)}"'},
        status=304,
    ),
    Path(name="data", title="GET /data/{id}, hot", url="/data/{}", ids=HOT, target=6),
    Path(
        name="create",
        title="POST /items",
        url="/items",
        ids=HOT,
        method="POST",
        body='{"name": "tea {}", "price_cents": {}, "description": "a box of {}"}',
        headers={"Content-Type": "application/json"},
        status=201,
        target=3,
    ),
    Path(name="list", title="GET /items?limit=20", url="/items?limit=20", target=3),
    Path(
        name="valkey",
        title="GET /items/{id}, from Valkey",
        url="/items/{}",
        ids=HOT,
        ours=_NO_MEMORY,
        target=3,
    ),
    Path(
        name="postgres",
        title="GET /items/{id}, from PostgreSQL",
        url="/items/{}",
        ids=ITEMS,
        ours=_NO_CACHE,
        yardstick={"CACHED": "false"},
        target=5,
    ),
)
