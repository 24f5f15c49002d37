"""The project's workload: what clients ask for, in `make load` and in `make capacity`."""

from collections.abc import Sequence

from app.items.models import Item
from load.generator import RequestSpec
from servicekit.cache.entries import representation_version

DATA = [f"/data/load{number}" for number in range(1_000)]
_KEY = "Idempotency-Key"
_NEW = '{"name": "load {n}", "price_cents": 350}'
_SAME = '{"name": "load again", "price_cents": 350}'
_CHANGE = '{"price_cents": 400}'
_FIRST = f'"1-{representation_version(Item)}"'  # ETag of an item that was never changed
OUTDATED = '"0"'  # versions begin at 1


def workload(items: Sequence[str], run: str) -> list[RequestSpec]:
    """On the paths of existing `items`; `run` keeps the Idempotency-Keys of runs apart."""
    first, again = {_KEY: f"{run}-{{n}}"}, {_KEY: f"{run}-again"}
    etag, outdated = {"If-None-Match": _FIRST}, {"If-Match": OUTDATED}
    unchanged = (304, 200)  # an item that an update has changed is sent in full
    return [
        RequestSpec("GET item", items, share=30),
        RequestSpec("GET item, If-None-Match", items, "GET", etag, "", 30, unchanged),
        RequestSpec("GET data", DATA, share=20),
        RequestSpec("GET page", ["/items?limit=20"], share=4),
        RequestSpec("GET no item", [f"/items/{2**62}"], expected=(404,)),
        RequestSpec("POST item", ["/items"], "POST", first, _NEW, 4, (201,)),
        RequestSpec("POST item again", ["/items"], "POST", again, _SAME, 1, (201,)),
        RequestSpec("PATCH item", items, "PATCH", {}, _CHANGE, 9),
        RequestSpec("PATCH item, outdated", items, "PATCH", outdated, _CHANGE, 1, (412,)),
    ]


def waiting(run: str) -> list[RequestSpec]:
    """Each request asks for an id that no cache has, so it waits for the upstream."""
    return [RequestSpec("wait", [f"/data/{run}-{{n}}"])]


def new_items() -> RequestSpec:
    """On an empty database their ids count from 1."""
    return RequestSpec("POST item", ["/items"], "POST", {}, _NEW, expected=(201,))
