"""The kinds of key a stack has. Each is a dataclass field that knows how to read itself.

The engine hands every value over as text (a list as JSON), YAML hands over typed values; both
are read alike.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any

from stackkit.settings.errors import ConfigError

Reader = Callable[[str, object], object]

_UNITS = {
    "ms": "milliseconds",
    "s": "seconds",
    "days": "days",
    "gb": "gigabytes",
    "mib": "mebibytes",
    "percent": "percent",
    "mbps": "megabits a second",
}


def _key(kind: str, default: object, read: Reader) -> Any:
    return field(default=default, metadata={"kind": kind, "read": read})


def whole(default: int, low: int, high: int) -> Any:
    def read(key: str, value: object) -> int:
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", text):
            unit = _UNITS.get(key.rsplit("_", 1)[-1])
            of_unit = f" of {unit}" if unit else ""
            raise ConfigError(f"{key}: {value!r} is not a whole number{of_unit}.")
        if not low <= int(text) <= high:
            raise ConfigError(f"{key}: {text} is not between {low} and {high}.")
        return int(text)

    return _key("integer", default, read)


def flag(default: bool) -> Any:
    def read(key: str, value: object) -> bool:
        text = str(value).lower()
        if text not in ("true", "false"):
            raise ConfigError(f"{key}: {value!r} is neither true nor false.")
        return text == "true"

    return _key("boolean", default, read)


def choice(default: str | int, options: Iterable[str | int]) -> Any:
    written = {str(option): option for option in options}

    def read(key: str, value: object) -> str | int:
        if isinstance(value, bool) and "on" in written:
            # what YAML makes of on and off
            value = "on" if value else "off"
        if str(value) not in written:
            raise ConfigError(f"{key}: {value!r} is not one of {', '.join(written)}.")
        return written[str(value)]

    return _key("integer" if isinstance(default, int) else "string", default, read)


def text(default: str, pattern: str, wanted: str) -> Any:
    """A line that fits `pattern`, or nothing if that is the default."""

    def read(key: str, value: object) -> str:
        if value == "" == default:
            return ""
        # YAML makes a number of an unquoted version
        line = str(value) if isinstance(value, int | float) else value
        if not isinstance(line, str) or not re.fullmatch(pattern, line):
            raise ConfigError(f"{key}: {value!r} is not {wanted}.")
        return line

    return _key("string", default, read)


def secret() -> Any:
    """A line that must have been set with --secret; it never appears in a message."""
    metadata = {"kind": "string", "read": lambda _, value: str(value), "secret": True}
    return field(default="", repr=False, metadata=metadata)


def items(default: tuple[str, ...], pattern: str, wanted: str) -> Any:
    def read(key: str, value: object) -> tuple[str, ...]:
        entries = _parsed_list(value)
        if entries is None:
            raise ConfigError(f"{key}: {value!r} is not a list.")
        for entry in entries:
            if not isinstance(entry, str) or not re.fullmatch(pattern, entry):
                raise ConfigError(f"{key}: {entry!r} is not {wanted}.")
        if len(set(entries)) < len(entries):
            raise ConfigError(f"{key}: an entry is there twice.")
        return tuple(entries)

    return _key("array", default, read)


def _parsed_list(value: object) -> list[Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    return list(value) if isinstance(value, list | tuple) else None
