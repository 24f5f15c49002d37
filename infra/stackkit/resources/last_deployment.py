"""Holds a change against what the last deployment of the stack left as an output."""

import pulumi
from pulumi.runtime import get_root_resource, invoke

from stackkit.plan import transition
from stackkit.plan.plan import Plan


def check(plan: Plan) -> None:
    """Raises ConfigError before the first resource is registered."""
    name = "/".join((pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()))
    root = get_root_resource()
    assert root
    # the engine writes its state as it registers the stack, and a folder shows it half written
    registered = root.urn.apply(lambda _: name)
    # what a StackReference asks the engine for; as a resource it would be drift after each update
    answer = invoke("pulumi:pulumi:readStackOutputs", {"name": registered}).value
    transition.check(plan, answer["outputs"].get("deployed", {}))
