"""Users of the API for Locust, which `make load` runs.

Any answer but the one that is due counts as a failure. What a user creates it deletes again, at the
latest when the test stops.
"""

import random
import secrets
from typing import Any

import gevent
from locust import FastHttpUser, between, task
from locust.contrib.fasthttp import ResponseContextManager

from load import objective
from load.mix import DATA, GONE, NO_ITEM, SHARES

_SHARED = 200  # items that all users read
_CLEANING = 200  # users a second that delete what is theirs: all at once would be a test of its own

_shared: list[str] = []  # paths
_running: set["Client"] = set()

objective.listen()


class Client(FastHttpUser):
    wait_time = between(0.1, 0.3)
    network_timeout = 30.0
    connection_timeout = 10.0

    def on_start(self) -> None:
        _running.add(self)
        self._etags: dict[str, str] = {}
        self._own: list[str] = []
        self._create(secrets.token_hex(16))
        path = self._create(secrets.token_hex(16))
        if path and len(_shared) < _SHARED:
            self._own.remove(path)
            _shared.append(path)

    def on_stop(self) -> None:
        gevent.sleep(random.uniform(0, len(_running) / _CLEANING))
        _running.remove(self)
        last = [] if _running else _shared  # nobody reads them any more
        for path in (*self._own, *last):
            self._delete(path)
        last.clear()

    @task(SHARES["read"])
    def read(self) -> None:
        known = self._own if self._own and random.random() < 0.1 else _shared
        if not known:
            return
        path = random.choice(known)
        etag = self._etags.get(path) if random.random() < 0.5 else None
        headers = {"If-None-Match": etag} if etag else {}
        with self._ask("GET", path, "/items/{id}", headers=headers) as answer:
            if _expect(answer, 200, *([304] if etag else [])):
                self._etags[path] = _header(answer, "ETag")

    @task(SHARES["data"])
    def data(self) -> None:
        with self._ask("GET", random.choice(DATA), "/data/{id}") as answer:
            _expect(answer, 200)

    @task(SHARES["page"])
    def page(self) -> None:
        with self._ask("GET", "/items?limit=20", "/items") as answer:
            _expect(answer, 200)

    @task(SHARES["missing"])
    def missing(self) -> None:
        path = f"/items/{NO_ITEM + random.randrange(2**20)}"
        with self._ask("GET", path, "/items/{id} → 404") as answer:
            _expect(answer, 404)

    @task(SHARES["create"])
    def create(self) -> None:
        key = secrets.token_hex(16)
        path = self._create(key)
        if path and random.random() < 0.2:
            self._create(key, again=path)

    @task(SHARES["update"])
    def update(self) -> None:
        if not self._own:
            return
        path, change = self._own[-1], {"price_cents": random.randrange(10_000)}
        if random.random() < 0.2:
            headers, name = {"If-Match": GONE}, "/items/{id} → 412"
            with self._ask("PATCH", path, name, json=change, headers=headers) as answer:
                _expect(answer, 412)
            return
        headers = {"If-Match": self._etags[path]}
        with self._ask("PATCH", path, "/items/{id}", json=change, headers=headers) as answer:
            if _expect(answer, 200):
                self._etags[path] = _header(answer, "ETag")

    @task(SHARES["delete"])
    def delete(self) -> None:
        if len(self._own) > 1:
            self._delete(self._own.pop(0))

    def _create(self, key: str, again: str | None = None) -> str | None:
        """The path of the new item, or of that which the same key has made before."""
        name = "/items again" if again else "/items"
        item, headers = {"name": f"load {key[:8]}", "price_cents": 350}, {"Idempotency-Key": key}
        with self._ask("POST", "/items", name, json=item, headers=headers) as answer:
            if not _expect(answer, 201):
                return None
            path = _header(answer, "Location")
            if again is None:
                self._own.append(path)
                self._etags[path] = _header(answer, "ETag")
            elif path != again:
                answer.failure("an Idempotency-Key made a second item")
            return path

    def _delete(self, path: str) -> None:
        self._etags.pop(path, None)
        with self._ask("DELETE", path, "/items/{id}") as answer:
            _expect(answer, 204)

    def _ask(self, method: str, path: str, name: str, **details: Any) -> ResponseContextManager:
        return self.client.request(method, path, name=name, catch_response=True, **details)


def _expect(answer: ResponseContextManager, *due: int) -> bool:
    """Counts the answer; Locust itself takes every 4xx for a failure."""
    if answer.status_code in due:
        answer.success()
        return True
    wanted = " or ".join(map(str, due))
    if answer.status_code:
        answer.failure(f"{answer.status_code} in place of {wanted}")
    else:
        answer.failure(f"no answer: {answer.request_meta['exception']}")
    return False


def _header(answer: ResponseContextManager, name: str) -> str:
    return str((answer.headers or {}).get(name))
