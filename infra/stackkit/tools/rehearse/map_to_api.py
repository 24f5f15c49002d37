"""Turns the provider's camelCase inputs into an API's request, by the API's own model."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import Shape


class MappingError(Exception):
    """An input that has no place in the request."""


def map_to_api(shape: Shape, value: Any, where: str = "") -> Any:
    """Fit a value into a shape; names differ by case and plural only, or Unfit is raised."""
    build = {"structure": _structure, "list": _list, "map": _map}.get(shape.type_name)
    return build(shape, value, where) if build else scalar(shape, value)


def member(shape: Any, name: str) -> str | None:
    """The member that a property means: instanceTypes is InstanceType, for the EC2 API."""
    known = {_plain(entry): entry for entry in shape.members}
    return next((known[guess] for guess in _guesses(name) if guess in known), None)


def scalar(shape: Shape, value: Any) -> Any:
    """The wire of Pulumi has floats for numbers, and the provider text for many things."""
    kind = shape.type_name
    if kind == "string" and isinstance(value, float | int) and not isinstance(value, bool):
        return str(value)
    if kind in ("integer", "long") and isinstance(value, str | float):
        return _whole(value)
    if kind in ("float", "double") and isinstance(value, str):
        return float(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _whole(value: str | float) -> Any:
    try:
        return int(value) if int(value) == float(value) else value
    except ValueError:
        return value


def _structure(shape: Any, value: Any, where: str) -> dict[str, Any]:
    # the provider's schema has lists of one for what the API has once
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Mapping):
        raise MappingError(f"{where}: {json.dumps(value)} where the API expects a structure")
    fitted: dict[str, Any] = {}
    for name, entry in value.items():
        found = member(shape, name)
        path = f"{where}.{name}" if where else name
        if found is None:
            raise MappingError(f"{path}: nothing of the API takes it")
        if entry is not None:
            fitted[found] = map_to_api(shape.members[found], entry, path)
    return fitted


def _map(shape: Any, value: Any, where: str) -> dict[str, Any]:
    return {str(key): map_to_api(shape.value, entry, where) for key, entry in value.items()}


def _list(shape: Any, value: Any, where: str) -> list[Any]:
    members = getattr(shape.member, "members", {})
    if isinstance(value, Mapping) and {_plain(name) for name in members} in _PAIRS:
        first, second = members
        return [{first: key, second: str(entry)} for key, entry in value.items()]
    entries = value if isinstance(value, list) else [value]
    return [map_to_api(shape.member, entry, f"{where}[{i}]") for i, entry in enumerate(entries)]


# a map for the provider is a list of pairs for the API: tags, dimensions
_PAIRS = ({"key", "value"}, {"name", "value"})


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _guesses(name: str) -> Iterator[str]:
    plain = _plain(name)
    yield plain
    yield plain.removesuffix("s")
    yield f"{plain}s"
    yield f"{plain.removesuffix('y')}ies"
    yield f"{plain.removesuffix('ies')}y"
    yield f"{plain}list"
    yield f"{plain.removesuffix('s')}list"
    yield f"{plain.removesuffix('es')}"
