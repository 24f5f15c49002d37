"""Tombstones: values that keep a key of Valkey empty, so that no older load fills it."""

import time
from collections.abc import Iterator, Sequence

from servicekit.cache.client import Command

TOMBSTONE = b"\0tombstone:"
_FINAL_TOMBSTONE = b"\0tombstone until "  # its Unix time follows
_TOLERANCE = 120.0  # seconds; a final tombstone of a time that is farther away is foreign
_MAX_PENDING = 100_000  # 50 a second for half an hour


def final_tombstone(seconds: float) -> bytes:
    return _FINAL_TOMBSTONE + b"%.3f" % (time.time() + seconds)


def is_tombstone(stored: object) -> bool:
    return isinstance(stored, bytes) and stored.startswith((TOMBSTONE, _FINAL_TOMBSTONE))


def may_replace(stored: bytes | None) -> bool:
    """False while a final tombstone keeps the key empty."""
    if stored is None or not stored.startswith(_FINAL_TOMBSTONE):
        return True
    try:
        until = float(stored.removeprefix(_FINAL_TOMBSTONE))
    except ValueError:
        return True
    return not abs(until - time.time()) <= _TOLERANCE  # true for a NaN, too


class PendingTombstones:
    """Commands that write a tombstone, and could not be carried out: the last one of each key."""

    def __init__(self) -> None:
        self._by_key: dict[str, Command] = {}

    def defer(self, commands: Sequence[Command]) -> None:
        """Keeps those of `commands` that write a tombstone."""
        for command in commands:
            key, value = str(command[1]), command[2]
            if not is_tombstone(value) or len(self._by_key) >= _MAX_PENDING:
                continue
            if command[-2] != "IFEQ" or key not in self._by_key:
                self._by_key[key] = command

    def first(self, count: int) -> list[Command]:
        return list(self._by_key.values())[:count]

    def written(self, commands: Sequence[Command]) -> Iterator[str]:
        """Forgets `commands`, unless a later one has replaced it, and yields their keys."""
        for command in commands:
            key = str(command[1])
            if self._by_key.get(key) is command:
                del self._by_key[key]
            yield key
