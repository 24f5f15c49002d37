"""Edits of the program, applied to what it registers."""

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness import Registration, Run, stack
from policed import Violation, in_tier, violations

Changes = Mapping[str, Any]
# policy, type, role, changes, words
Edit = tuple[str, str, str, Changes, str]
ON_INSTANCES = ("aws:ec2/launchTemplate:LaunchTemplate", "aws:autoscaling/group:Group")


def after(kind: str, role: str, changes: Changes) -> list[Violation]:
    """What the pack says of production with one resource changed."""
    made = stack("prod", "ec2" if kind in ON_INSTANCES else "fargate")
    in_tier("prod")
    return violations(edited(made, kind, f"shop-prod{role}", changes))


def edited(run: Run, kind: str, name: str, changes: Changes) -> list[Registration]:
    """None removes a property, a function changes it."""
    found = run.one(kind, name)
    changed = replace(found, inputs=_merged(found.inputs, changes))
    return [changed if entry is found else entry for entry in run.registrations]


def _merged(value: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    result = copy.deepcopy(dict(value))
    for key, change in changes.items():
        if change is None:
            result.pop(key)
        elif isinstance(change, Callable):
            result[key] = change(result[key])
        elif isinstance(change, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merged(result[key], change)
        else:
            result[key] = change
    return result


def swap(old: str, new: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return changed


def swap_encoded(old: str, new: str) -> Callable[[str], str]:
    change = swap(old, new)
    return lambda text: base64.b64encode(change(base64.b64decode(text).decode()).encode()).decode()


def entries(name: str, value: str) -> Callable[[list[dict[str, str]]], list[dict[str, str]]]:
    """Another value for one of a list of names and values."""
    return lambda found: [e | {"value": value} if e["name"] == name else e for e in found]
