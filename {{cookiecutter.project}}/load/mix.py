"""What clients ask for: one mix for the load test and for the capacity measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from load.arrivals import Ask
from load.outcome import Outcome

SHARES = {  # percent
    "read": 60,  # GET /items/{id}; half of them with the ETag that they hold
    "data": 20,  # GET /data/{id}
    "page": 4,  # GET /items
    "missing": 1,  # GET of an item that is not there
    "create": 5,  # POST /items with an Idempotency-Key; one in five says the same again
    "update": 5,  # PATCH with If-Match; one in five with a version that is gone: 412
    "delete": 5,
}
DATA_IDS = 1_000
DATA = [f"/data/load{number}" for number in range(DATA_IDS)]
GONE = '"0"'  # versions begin at 1
NO_ITEM = 2**62


@dataclass(frozen=True)
class Mix:
    """What is asked, each with the status that is due."""

    asks: Sequence[tuple[Ask, int]]

    def wrong(self, outcome: Outcome) -> int:
        """Requests that got another answer, or none. An item that has changed is sent in full."""
        due = [{status, 200} if status == 304 else {status} for _, status in self.asks]
        ends = zip(outcome.end, outcome.asked, strict=True)
        return sum(end not in due[asked] for end, asked in ends)


def mix(items: Sequence[str], run: str) -> Mix:
    """The shares above, asked of items that exist; `run` tells Idempotency-Keys of runs apart.

    A generator that never waits can't know an item's ETag or delete it only once: updates without
    If-Match stand for both.
    """
    half, updates = SHARES["read"] // 2, SHARES["update"] + SHARES["delete"] - 1
    key, same = {"Idempotency-Key": f"{run}-{{n}}"}, {"If-None-Match": '"1"'}
    new, change = '{"name": "load {n}", "price_cents": 350}', '{"price_cents": 400}'
    missing, create, page = SHARES["missing"], SHARES["create"], SHARES["page"]
    return Mix(
        [
            (Ask(name="read", paths=items, share=half), 200),
            (Ask(name="read again", paths=items, headers=same, share=half), 304),
            (Ask(name="data", paths=DATA, share=SHARES["data"]), 200),
            (Ask(name="page", paths=["/items?limit=20"], share=page), 200),
            (Ask(name="missing", paths=[f"/items/{NO_ITEM}"], share=missing), 404),
            (_write("POST", ["/items"], new, key, create), 201),
            (_write("PATCH", items, change, {}, updates), 200),
            (_write("PATCH late", items, change, {"If-Match": GONE}, 1), 412),
        ]
    )


def waiting(run: str) -> Mix:
    """An id each time that no cache has: the request waits for the upstream."""
    return Mix([(Ask(name="wait", paths=[f"/data/{run}-{{n}}"]), 200)])


def _write(
    name: str, paths: Sequence[str], body: str, headers: Mapping[str, str], share: int
) -> Ask:
    method = name.partition(" ")[0]
    return Ask(name=name, paths=paths, method=method, headers=headers, body=body, share=share)
