"""Resources as Pulumi hands them to a policy."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import set_all_config
from pulumi_policy import (
    Policy,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from harness import PROJECT, Registration, Secret
from stackkit.policy.pack import POLICIES

# policy's name, resource's name, message
Violation = tuple[str, str, str]


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
    names = {entry.urn: entry.name for entry in registrations}
    stack = StackValidationArgs(_linked(registrations))
    each = [_args(entry) for entry in registrations]
    found: list[Violation] = []
    for policy in POLICIES:

        def report(urn: str, message: str, policy: Policy = policy) -> None:
            found.append((policy.name, names[urn], message))

        if isinstance(policy, StackValidationPolicy):
            policy.validate(stack, lambda message, urn=None: report(urn or "", message))
            continue
        assert isinstance(policy, ResourceValidationPolicy)
        for args in each:
            policy.validate(args, lambda message, urn=None, at=args.urn: report(at, message))
    return found


def _args(entry: Registration) -> ResourceValidationArgs:
    return ResourceValidationArgs(
        entry.type, _props(entry), entry.urn, entry.name, _options(entry), provider=None
    )


def _linked(registrations: Sequence[Registration]) -> list[PolicyResource]:
    known = {
        entry.urn: PolicyResource(
            entry.type, _props(entry), entry.urn, entry.name, _options(entry), None, None, [], {}
        )
        for entry in registrations
    }
    for entry in registrations:
        uses = {
            key: [known[urn] for urn in urns if urn in known] for key, urns in entry.uses.items()
        }
        known[entry.urn].property_dependencies = uses
    return list(known.values())


def _props(entry: Registration) -> Mapping[str, Any]:
    return unknown_checking_proxy(_wired(entry.inputs))


def _options(entry: Registration) -> PolicyResourceOptions:
    nothing = PolicyCustomTimeouts(0, 0, 0)
    return PolicyResourceOptions(entry.protect, [], None, [], nothing, [])


def _wired(value: Any) -> Any:
    """Every number a float and every secret open, as they come over the wire."""
    if isinstance(value, Secret):
        return _wired(value.value)
    if isinstance(value, Mapping):
        return {key: _wired(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_wired(entry) for entry in value]
    return float(value) if type(value) is int else value
