"""Holds a request against botocore's model of the API, with what botocore itself leaves out.

botocore checks types and required members; the models also list enums, patterns, lengths and
ranges, which only AWS would refuse.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.validate import ParamValidator

# Java's classes, as the models spell them, in Python's terms
_JAVA = {
    r"\p{Print}": r"\x20-\x7e",
    r"\p{ASCII}": r"\x00-\x7f",
    # wider than Java's, so that nothing is refused that AWS takes
    **{rf"\p{{{kind}}}": r"\w" for kind in "LMN"},
    r"\p{Z}": r"\s",
    **{rf"\p{{{kind}}}": r"\W" for kind in "SP"},
}


def faults(shape: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    """What of a request the model forbids, each with the path to it."""
    # botocore makes up such tokens itself
    tokens = {
        n: "0" * 36 for n, each in shape.members.items() if each.metadata.get("idempotencyToken")
    }
    report = ParamValidator().validate(tokens | dict(parameters), shape).generate_report()
    yield from report.splitlines()
    if not report:
        yield from _limits(shape, parameters, "")


def _limits(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Of a value whose types are right."""
    kind = shape.type_name
    if kind == "structure":
        for name, entry in value.items():
            yield from _limits(shape.members[name], entry, f"{where}.{name}" if where else name)
    elif kind == "list":
        yield from _size(shape, len(value), where, "entries")
        for index, entry in enumerate(value):
            yield from _limits(shape.member, entry, f"{where}[{index}]")
    elif kind == "map":
        yield from _size(shape, len(value), where, "entries")
        for key, entry in value.items():
            yield from _limits(shape.key, key, f"{where} (key)")
            yield from _limits(shape.value, entry, f"{where}.{key}")
    elif kind == "string":
        yield from _text(shape, value, where)
    elif kind in ("integer", "long", "float", "double"):
        yield from _size(shape, value, where, "")


def _text(shape: Any, value: str, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"
    yield from _size(shape, len(value), where, f"characters ({value!r})")
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(value):
        yield f"{where}: {value!r} doesn't match {shape.metadata['pattern']}"


def _size(shape: Any, size: float, where: str, unit: str) -> Iterator[str]:
    shown = f"{where}: {size} {unit}".rstrip()
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{shown} is below {low}"
    if high is not None and size > high:
        yield f"{shown} is above {high}"


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
