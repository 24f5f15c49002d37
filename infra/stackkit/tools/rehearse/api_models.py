"""Holds a request against botocore's model of the API, with what botocore itself leaves out.

botocore checks types and required members; the models also list enums, patterns, lengths and
ranges, which only AWS would refuse.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from botocore.model import Shape

# Java's classes, as the models spell them, in Python's terms
_JAVA = {
    r"\p{IsPrint}": r"\x20-\U0010ffff",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{Alnum}": "A-Za-z0-9",
    r"\p{Alpha}": "A-Za-z",
    r"\p{LC}": "A-Za-z",
    r"\p{Digit}": "0-9",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Graph}": r"\x21-\x7e",
    # wider than Java's, so that nothing is refused that AWS takes
    r"\p{L}": r"\w",
    r"\p{M}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r"\s",
    r"\p{S}": r"\W",
    r"\p{P}": r"\W",
}


def faults(shape: Shape, value: Any, where: str = "") -> Iterator[str]:
    """What of a value the model forbids, each with the path to it."""
    check = {
        "structure": _structure,
        "list": _list,
        "map": _map,
        "string": _string,
        "integer": _number,
        "long": _number,
        "float": _number,
        "double": _number,
        "boolean": _boolean,
    }.get(shape.type_name)
    if check:
        yield from check(shape, value, where)


def _structure(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is not a structure"
        return
    for missing in sorted(set(shape.required_members) - set(value)):
        # botocore makes up the tokens itself
        if not shape.members[missing].metadata.get("idempotencyToken"):
            yield f"{_below(where, missing)}: required, and missing"
    for name, entry in value.items():
        if name not in shape.members:
            yield f"{_below(where, name)}: the API knows no such member"
        else:
            yield from faults(shape.members[name], entry, _below(where, name))


def _list(shape: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        yield f"{where}: {value!r} is not a list"
        return
    yield from _size(shape, len(value), where, "entries")
    for index, entry in enumerate(value):
        yield from faults(shape.member, entry, f"{where}[{index}]")


def _map(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is not a map"
        return
    yield from _size(shape, len(value), where, "entries")
    for key, entry in value.items():
        yield from faults(shape.key, key, f"{where} (key)")
        yield from faults(shape.value, entry, _below(where, key))


def _string(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where}: {value!r} is not text"
        return
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"
    yield from _size(shape, len(value), where, f"characters ({value!r})")
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(value):
        yield f"{where}: {value!r} doesn't match {shape.metadata['pattern']}"


def _number(shape: Any, value: Any, where: str) -> Iterator[str]:
    whole = shape.type_name in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        yield f"{where}: {value!r} is not a{' whole' if whole else ''} number"
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield f"{where}: {value} is below {low}"
    if high is not None and value > high:
        yield f"{where}: {value} is above {high}"


def _boolean(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{where}: {value!r} is neither true nor false"


def _size(shape: Any, size: int, where: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{where}: {size} {unit}, at least {low} are needed"
    if high is not None and size > high:
        yield f"{where}: {size} {unit}, at most {high} are allowed"


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """A model's pattern, or None where Python can't read it."""
    text = re.sub(r"\[[^\]]*\]", lambda brackets: _classes(brackets[0], "{}"), text)
    text = _classes(text, "[{}]")
    if not text or "\\p{" in text:
        return None
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None


def _classes(text: str, around: str) -> str:
    for java, python in _JAVA.items():
        text = text.replace(java, around.format(python))
    return text


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
