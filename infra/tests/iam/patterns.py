"""Whether a statement can match at all, by AWS's service authorization reference."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from iam.requests import rows

# operators that hold for a request without the key, too
_OPTIONAL = ("IfExists", "Null", "ForAllValues")


def never_matching(statement: Mapping[str, Any]) -> Iterator[str]:
    """The statement's actions that none of its resources or conditions can go with."""
    required = [
        key
        for operator, keys in statement.get("Condition", {}).items()
        if not any(word in operator for word in _OPTIONAL)
        for key in keys
    ]
    for action in statement["Action"]:
        fitting = [
            keys
            for form, keys in rows(action)
            if any(_meet(form, resource) for resource in statement["Resource"])
        ]
        if not fitting:
            yield f"{action} has no resource among {statement['Resource']}"
        for key in required:
            if fitting and not any(_supports(keys, key) for keys in fitting):
                yield f"{action} has no condition {key}"


def _supports(keys: tuple[str, ...], key: str) -> bool:
    known = {re.sub(r"\$\{\w+\}", "*", name) for name in keys}
    return key in known or f"{key.partition('/')[0]}/*" in known


def _meet(form: str, resource: str) -> bool:
    """Whether an ARN of the form can be one of the resources."""
    if "*" in (form, resource):
        return resource == "*"
    return _intersect(re.sub(r"\$\{\w+\}", "*", form), resource)


@cache
def _intersect(one: str, other: str) -> bool:
    """Whether two patterns of * and ? have a text in common."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _intersect(one[1:], other) or _intersect(one, other[1:])
    if other[0] == "*":
        return _intersect(one, other[1:]) or _intersect(one[1:], other)
    same = one[0] == other[0] or "?" in (one[0], other[0])
    return same and _intersect(one[1:], other[1:])
