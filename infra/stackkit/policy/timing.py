"""Timeouts that must end one before the other."""

from collections.abc import Iterator
from itertools import pairwise

from pulumi_policy import StackValidationArgs

from stackkit.policy.containers import KINDS, DeclaredContainer, containers
from stackkit.policy.rules import Finding, of_kind, stack_policy

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
KEEP_ALIVE = "GRANIAN_HTTP1_HEADER_READ_TIMEOUT"
INSIDE = ("DB_COMMAND_TIMEOUT", "UPSTREAM_TIMEOUT", "REQUEST_TIMEOUT")
KILL = "GRANIAN_WORKERS_KILL_TIMEOUT"
# name and seconds
Rung = tuple[str, float]


@stack_policy("timeouts-in-order")
def timeouts_are_in_order(args: StackValidationArgs) -> Iterator[Finding]:
    """Each timeout ends before the one around it, so that the innermost cause is reported."""
    delays = sorted({*_seconds(args, TARGETS, "deregistrationDelay")})  # a canary has two groups
    for resource in of_kind(args, *KINDS):
        for container in containers(resource.resource_type, resource.props):
            for (inner, sooner), (outer, later) in pairwise(_ladder(container, delays)):
                if sooner >= later:
                    yield (
                        f"{inner} ({sooner:g} s) does not end before {outer} ({later:g} s); let"
                        " the plan derive both from request_timeout_s.",
                        resource,
                    )


def _ladder(container: DeclaredContainer, delays: list[Rung]) -> list[Rung]:
    variables = container.environment
    inside = [(name, float(variables[name])) for name in INSIDE if name in variables]
    kill = [(KILL, float(variables[KILL]))] if KILL in variables else []
    stop = container.stop_timeout
    return [*inside, *delays, *kill, *([("the stop timeout", stop)] if stop else [])]


@stack_policy("balancer-hangs-up-first")
def balancer_hangs_up_first(args: StackValidationArgs) -> Iterator[Finding]:
    """The load balancer closes idle connections before the service does."""
    for resource in of_kind(args, *KINDS):
        for container in containers(resource.resource_type, resource.props):
            kept = float(container.environment.get(KEEP_ALIVE, "inf")) / 1000
            for name, idle in _seconds(args, BALANCER, "idleTimeout"):
                if idle >= kept:
                    yield (
                        f"{name} is {idle:g} s and Granian's keep-alive {kept:g} s; keep the"
                        " balancer's below, or clients see 502.",
                        resource,
                    )


def _seconds(args: StackValidationArgs, kind: str, name: str) -> list[Rung]:
    found = [resource.props.get(name) for resource in of_kind(args, kind)]
    return [(name, float(value)) for value in found if value is not None]
