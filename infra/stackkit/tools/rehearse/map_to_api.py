"""Turns the provider's camelCase inputs into an API's request, by the API's own model."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import Shape

# a map for the provider is a list of pairs for the API: tags, dimensions
_PAIRS = ({"key", "value"}, {"name", "value"})


class MappingError(Exception):
    """An input that has no place in the request."""


def map_to_api(shape: Shape, value: Any, where: str = "") -> Any:
    """Fit a value into a shape: names differ by case and plural only, or MappingError is raised."""
    build = {"structure": _structure, "list": _list, "map": _map}.get(shape.type_name)
    return build(shape, value, where) if build else scalar(shape, value)


def member(shape: Any, name: str) -> str | None:
    """The member that a property means: instanceTypes is InstanceType, for the EC2 API."""
    known = {_plain(entry): entry for entry in shape.members}
    plain = _plain(name)
    singular = plain.removesuffix("s")
    guesses = (plain, singular, f"{plain}s", f"{plain.removesuffix('y')}ies")
    guesses += (f"{plain.removesuffix('ies')}y", f"{plain}list", f"{singular}list")
    return next((known[guess] for guess in guesses if guess in known), None)


def scalar(shape: Any, value: Any) -> Any:
    """The wire of Pulumi has floats for numbers, and the provider text for many things."""
    kind = shape.type_name
    if kind == "string" and isinstance(value, bool) and "ENABLED" in shape.enum:
        return "ENABLED" if value else "DISABLED"
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
        if found is None and entry not in (None, []):
            raise MappingError(f"{path}: nothing of the API takes it")
        if found and entry is not None:
            fitted[found] = map_to_api(shape.members[found], entry, path)
    return fitted


def _map(shape: Any, value: Any, where: str) -> dict[str, Any]:
    return {str(key): map_to_api(shape.value, entry, where) for key, entry in value.items()}


def _list(shape: Any, value: Any, where: str) -> list[Any]:
    members = getattr(shape.member, "members", {})
    if isinstance(value, str) and members:
        value = json.loads(value)
    if isinstance(value, Mapping) and {_plain(name) for name in members} in _PAIRS:
        first, second = members
        given = {key: entry for key, entry in value.items() if entry is not None}
        return [{first: key, second: _text(entry)} for key, entry in given.items()]
    entries = value if isinstance(value, list) else [value]
    return [map_to_api(shape.member, entry, f"{where}[{i}]") for i, entry in enumerate(entries)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
