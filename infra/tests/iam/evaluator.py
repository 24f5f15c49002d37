"""Evaluates identity policies as IAM does, for the operators that these policies use."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Statement = Mapping[str, Any]
# condition key → one value, or several
Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Request:
    action: str
    resource: str
    context: Context = field(default_factory=dict)

    def __str__(self) -> str:
        tags = " ".join(f"{key}={value}" for key, value in sorted(self.context.items()))
        return f"{self.action} on {self.resource} {tags}".rstrip()


def allowing(statements: Iterable[Statement], request: Request) -> list[Statement]:
    """Those that allow it; raises on a statement that this evaluator doesn't understand."""
    return [statement for statement in statements if _allows(statement, request)]


def _allows(statement: Statement, request: Request) -> bool:
    assert statement["Effect"] == "Allow", statement
    return (
        _any_like(statement["Action"], request.action, re.IGNORECASE)
        and _any_like(statement["Resource"], request.resource)
        and all(
            _holds(operator, key, wanted, request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, key: str, wanted: Any, context: Context) -> bool:
    given = context.get(key)
    values = [given] if isinstance(given, str) else list(given or ())
    if operator == "Null":
        return (not values) == (wanted == "true")
    quantifier, _, plain = operator.rpartition(":")
    if plain.endswith("IfExists"):
        if not values:
            return True
        plain = plain.removesuffix("IfExists")
    matches = _OPERATORS[plain]
    each = [any(matches(pattern, value) for pattern in _listed(wanted)) for value in values]
    if quantifier == "ForAllValues":
        return all(each)
    return any(each)


@cache
def like(pattern: str, text: str, flags: int = 0) -> bool:
    if not set(pattern) & set("*?") and not flags:
        return pattern == text
    return _compiled(pattern, flags).fullmatch(text) is not None


@cache
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, flags | re.DOTALL)


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, value: wanted == value,
}


def _any_like(patterns: Any, text: str, flags: int = 0) -> bool:
    return any(like(pattern, text, flags) for pattern in _listed(patterns))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
