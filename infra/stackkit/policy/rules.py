"""How a policy is written: a function that yields what is wrong and what would be right.

Its docstring is the policy's description.

Properties are spelled as the provider's schema does (camelCase) and numbers are floats. Reading
one that a preview can't know yet ends the policy for that preview, with a notice by Pulumi.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

Props = Mapping[str, Any]
ResourceCheck = Callable[[ResourceValidationArgs], Iterator[str]]
# a message, and the resource that it is about
Finding = tuple[str, PolicyResource]
StackCheck = Callable[[StackValidationArgs], Iterator[Finding]]


def resource_policy(
    name: str, kinds: Collection[str], level: EnforcementLevel = EnforcementLevel.MANDATORY
) -> Callable[[ResourceCheck], ResourceValidationPolicy]:
    """Looks at each resource of some types before it is made or changed."""

    def policy(check: ResourceCheck) -> ResourceValidationPolicy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if args.resource_type in kinds:
                for message in check(args):
                    report(message, None)

        return ResourceValidationPolicy(name, check.__doc__ or "", validate, level)

    return policy


def stack_policy(name: str) -> Callable[[StackCheck], StackValidationPolicy]:
    """Looks at all resources together, at the end of a preview and of an update."""

    def policy(check: StackCheck) -> StackValidationPolicy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            for message, resource in check(args):
                report(message, resource.urn)

        level = EnforcementLevel.MANDATORY
        return StackValidationPolicy(name, check.__doc__ or "", validate, level)

    return policy


def of_kind(args: StackValidationArgs, *kinds: str) -> list[PolicyResource]:
    return [resource for resource in args.resources if resource.resource_type in kinds]


def production() -> bool:
    """Unless the stack says that it may be lost."""
    return pulumi.Config().get("tier") != "dev"
