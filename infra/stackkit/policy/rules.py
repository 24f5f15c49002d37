"""How a policy is written: a function that yields what is wrong and what would be right.

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
    name: str,
    description: str,
    kinds: Collection[str],
    check: ResourceCheck,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
) -> ResourceValidationPolicy:
    """Looks at each resource of some types before it is made or changed."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type in kinds:
            for message in check(args):
                report(message, None)

    return ResourceValidationPolicy(
        name=name, description=description, validate=validate, enforcement_level=level
    )


def stack_policy(name: str, description: str, check: StackCheck) -> StackValidationPolicy:
    """Looks at all resources together, at the end of a preview and of an update."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for message, resource in check(args):
            report(message, resource.urn)

    return StackValidationPolicy(
        name=name,
        description=description,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
    )


def of_kind(args: StackValidationArgs, *kinds: str) -> list[PolicyResource]:
    return [resource for resource in args.resources if resource.resource_type in kinds]


def production() -> bool:
    """Unless the stack says that it may be lost."""
    return pulumi.Config().get("tier") != "dev"
