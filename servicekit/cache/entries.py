import hashlib
import random
import time
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

_FORMAT = b"\x02"  # a change of the record's fields is a new number; other formats count as absent
_CHECKSUM = slice(5, 9)  # after the format and the version of what it represents
_RECORD = slice(9, None)
_CLOCK_SKEW = 1.0  # seconds by which the clocks of two machines may differ
_DOCUMENTATION = ("title", "description", "examples")

Clock = Callable[[], float]


class OriginResponse(msgspec.Struct, frozen=True):
    """A response of the origin: the body for clients, and its validator.

    `ttl` is a bound of the origin's own, in seconds: 0 for a response that must not be kept.
    """

    body: bytes
    etag: str
    ttl: float | None = None
    may_be_stale: bool = True


class Entry(msgspec.Struct, frozen=True):
    """A cached response, or a negative entry: `not_found` is then the sentence for the client.

    Times are of this process's monotonic clock. Until `fresh_until` the entry is served as it is;
    from then until `expires_at` it is served while a newer one is loaded.
    """

    body: bytes
    etag: str
    stored_at: float
    fresh_until: float
    expires_at: float
    not_found: str = ""

    @property
    def kept(self) -> bool:
        """False for a response that no cache may keep."""
        return self.expires_at > self.stored_at


class CachePolicy(msgspec.Struct, frozen=True):
    """Lifetimes in seconds. `jitter` is the share by which the `ttl` of entries differs, so that
    entries that were stored together do not expire together."""

    ttl: float
    stale_ttl: float
    negative_ttl: float
    jitter: float = 0.1

    def entry(self, response: OriginResponse, now: float) -> Entry:
        ttl = self.ttl if response.ttl is None else min(self.ttl, response.ttl)
        fresh_until = now + ttl * (1 - random.random() * self.jitter)
        stale_ttl = self.stale_ttl if ttl > 0 and response.may_be_stale else 0.0
        return Entry(response.body, response.etag, now, fresh_until, fresh_until + stale_ttl)

    def negative_entry(self, sentence: str, began_at: float) -> Entry:
        """`began_at`: when the load began, as the key may have been created since."""
        until = began_at + self.negative_ttl
        return Entry(b"", "", began_at, until, until, sentence)


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """An entry as Valkey stores it. Machines share no monotonic clock, so `stored_at` is Unix
    time; the lifetimes are seconds."""

    body: bytes
    etag: str
    stored_at: float
    ttl: float
    stale_ttl: float


class EntryCodec:
    """Turns entries into bytes for Valkey, and back.

    Each value carries the version of the type that it `represents`. Two versions of the service
    that represent an item differently share keys, and each reads the other's entries as absent.
    """

    def __init__(
        self, represents: Any, clock: Clock = time.monotonic, wall_clock: Clock | None = None
    ) -> None:
        self._header = _FORMAT + bytes.fromhex(representation_version(represents))
        self._clock = clock
        self._wall_clock = wall_clock or (lambda: time.time())
        self._decoder = msgspec.msgpack.Decoder(_Record)

    def encode(self, entry: Entry) -> bytes:
        record = msgspec.msgpack.encode(
            _Record(
                entry.body,
                entry.etag,
                self._wall_clock() - (self._clock() - entry.stored_at),
                entry.fresh_until - entry.stored_at,
                entry.expires_at - entry.fresh_until,
            )
        )
        return self._header + zlib.crc32(record).to_bytes(4, "big") + record

    def decode(self, stored: bytes) -> Entry | None:
        """None for a value that is corrupt, foreign, or of another version or format."""
        if not stored.startswith(self._header) or not _is_intact(stored):
            return None
        try:
            record = self._decoder.decode(stored[_RECORD])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        age = self._wall_clock() - record.stored_at
        if age < -_CLOCK_SKEW:  # a clock was stepped, so the age is not known: load a newer one
            age = record.ttl
        stored_at = self._clock() - max(0.0, age)
        fresh_until = stored_at + record.ttl
        return Entry(
            record.body, record.etag, stored_at, fresh_until, fresh_until + record.stale_ttl
        )

    def is_of_another_version(self, stored: bytes) -> bool:
        return not stored.startswith(self._header) and _is_intact(stored)


def _is_intact(stored: bytes) -> bool:
    checksum = zlib.crc32(stored[_RECORD]).to_bytes(4, "big")
    return stored.startswith(_FORMAT) and stored[_CHECKSUM] == checksum


def representation_version(represented: Any) -> str:
    """Eight hexadecimal digits that differ when the JSON of the type `represented` differs in its
    fields, their order, their types or their bounds. Documentation does not count."""
    schema = msgspec.json.encode(_without_documentation(msgspec.json.schema(represented)))
    return hashlib.sha256(schema).hexdigest()[:8]


def _without_documentation(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _without_documentation(value)
            for key, value in schema.items()
            # A field of that name is a dict.
            if isinstance(value, dict) or key not in _DOCUMENTATION
        }
    if isinstance(schema, list):
        return [_without_documentation(value) for value in schema]
    return schema
