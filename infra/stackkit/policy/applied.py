"""The whole pack, applied to what a program registered, with no engine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from stackkit.policy.pack import POLICIES

# policy's name, resource's name, message
Violation = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Registration:
    type: str
    name: str
    urn: str
    # as the wire has them: numbers are floats; secrets are open
    inputs: Mapping[str, Any]
    protect: bool
    # property → URNs of the resources that its value comes from
    uses: Mapping[str, Sequence[str]]


def violations(registrations: Sequence[Registration]) -> list[Violation]:
    names = {entry.urn: entry.name for entry in registrations}
    stack = StackValidationArgs(list(_linked(registrations)))
    each = [ResourceValidationArgs(*_described(entry), provider=None) for entry in registrations]
    found: list[Violation] = []
    for policy in POLICIES:

        def report(message: str, urn: str | None, name: str = policy.name) -> None:
            found.append((name, names[urn or ""], message))

        if isinstance(policy, StackValidationPolicy):
            policy.validate(stack, report)
        elif isinstance(policy, ResourceValidationPolicy):
            for args in each:
                policy.validate(args, lambda message, _, at=args.urn: report(message, at))
    return found


def _linked(registrations: Sequence[Registration]) -> Iterator[PolicyResource]:
    known = {
        entry.urn: PolicyResource(*_described(entry), None, None, [], {}) for entry in registrations
    }
    for entry in registrations:
        known[entry.urn].property_dependencies = {
            key: [known[urn] for urn in urns if urn in known] for key, urns in entry.uses.items()
        }
        yield known[entry.urn]


def _described(
    entry: Registration,
) -> tuple[str, Mapping[str, Any], str, str, PolicyResourceOptions]:
    untimed = PolicyCustomTimeouts(0, 0, 0)
    options = PolicyResourceOptions(entry.protect, [], None, [], untimed, [])
    return entry.type, unknown_checking_proxy(dict(entry.inputs)), entry.urn, entry.name, options
