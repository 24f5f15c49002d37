"""What the last deployment of the stack left as outputs, for the next one."""

import os
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import get_root_resource, invoke

# names the command that runs `pulumi up`; that of make tags an image which it has seen serve
COMMAND = "DEPLOYED_BY"
PLAIN = "pulumi up"
KEPT_DEPLOYMENTS = 20


def outputs() -> Mapping[str, Any]:
    """Nothing before the first deployment."""
    name = "/".join((pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()))
    root = get_root_resource()
    assert root
    # the engine writes its state as it registers the stack, and a folder shows it half written
    registered = root.urn.apply(lambda _: name)
    # what a StackReference asks the engine for; as a resource it would be drift after each update
    return invoke("pulumi:pulumi:readStackOutputs", {"name": registered}).value["outputs"]


def deployments(last: Mapping[str, Any], image: str) -> list[Mapping[str, str]]:
    """The images that ran, newest first; those after the one that runs again are forgotten."""
    ran = last.get("deployments", [])
    images = [each["image"] for each in ran]
    if image in images:
        return ran[images.index(image) :]
    new = {"image": image, "by": os.environ.get(COMMAND, PLAIN)}
    return [new, *ran][:KEPT_DEPLOYMENTS]
