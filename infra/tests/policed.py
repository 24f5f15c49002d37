"""Resources as Pulumi hands them to a policy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.runtime import set_all_config

from harness import PROJECT, Registration, Secret
from stackkit.policy import applied
from stackkit.policy.applied import Violation


def in_tier(tier: str) -> None:
    pulumi.runtime.configure(pulumi.runtime.Settings(PROJECT, tier))
    set_all_config({f"{PROJECT}:tier": tier})


def resource(
    kind: str,
    name: str,
    props: Mapping[str, Any],
    protect: bool = False,
    uses: Mapping[str, Sequence[str]] | None = None,
) -> Registration:
    """One that the program doesn't make."""
    return Registration(
        type=kind,
        name=name,
        parent="",
        inputs=props,
        protect=protect,
        ignore_changes=[],
        depends_on=[],
        urn=f"urn:pulumi:prod::shop::{kind}::{name}",
        uses=uses or {},
    )


def violations(registrations: Sequence[Registration]) -> list[Violation]:
    """What the whole pack says of a stack."""
    return applied.violations(
        [replace(entry, inputs=_wired(entry.inputs)) for entry in registrations]
    )


def _wired(value: Any) -> Any:
    """Every number a float and every secret open, as they come over the wire."""
    if isinstance(value, Secret):
        return _wired(value.value)
    if isinstance(value, Mapping):
        return {key: _wired(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_wired(entry) for entry in value]
    return float(value) if type(value) is int else value
