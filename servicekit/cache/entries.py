import random
import time
import zlib

import msgspec

_FORMAT = 1  # a change of the fields' meaning is a new number, and old entries count as absent
_HEADER = 5  # bytes: the format, and the checksum of what follows


class OriginResponse(msgspec.Struct, frozen=True):
    """What the origin answered: the bytes that go out, and their validator.

    `ttl` is a bound of the origin's own, in seconds: 0 for a response that must not be kept.
    """

    body: bytes
    etag: str
    ttl: float | None = None
    may_be_stale: bool = True


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A stored answer, or the knowledge that there is none (`not_found` says so to the client).

    Times are Unix seconds. Until `fresh_until` the entry is served as it is; from then until
    `expires_at` it is served while a newer one is loaded.
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
    """Seconds. `jitter` is the share by which lives differ, so that entries that were stored
    together do not all end together."""

    ttl: float
    stale_ttl: float
    negative_ttl: float
    jitter: float = 0.1

    def entry(self, loaded: OriginResponse) -> Entry:
        now = time.time()
        ttl = self.ttl if loaded.ttl is None else min(self.ttl, loaded.ttl)
        fresh = now + ttl * (1 - random.random() * self.jitter)
        stale_ttl = self.stale_ttl if ttl > 0 and loaded.may_be_stale else 0.0
        return Entry(loaded.body, loaded.etag, now, fresh, fresh + stale_ttl)

    def negative_entry(self, sentence: str, asked: float) -> Entry:
        """`asked`: since when the key may have come to be, Unix seconds."""
        until = asked + self.negative_ttl
        return Entry(b"", "", asked, until, until, sentence)


def encode(entry: Entry) -> bytes:
    packed = msgspec.msgpack.encode(entry)
    return bytes([_FORMAT]) + zlib.crc32(packed).to_bytes(4, "big") + packed


def decode(stored: bytes) -> Entry | None:
    """None for what is corrupt or of another format: a shared cache is never trusted."""
    packed = stored[_HEADER:]
    if stored[:1] != bytes([_FORMAT]) or zlib.crc32(packed).to_bytes(4, "big") != stored[1:_HEADER]:
        return None
    try:
        return _DECODER.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_DECODER = msgspec.msgpack.Decoder(Entry)
