"""The one place to change a resource without editing the component that makes it.

Each entry names a resource by its type and logical name (both as `pulumi preview` shows them, or
"*" for every resource of the type) and gives the properties to set, spelled as the provider's
schema does (camelCase). It reaches the children of awsx components too. For example:

    ("aws:lb/loadBalancer:LoadBalancer", "*"): {"idleTimeout": 120},
    ("aws:ec2/natGateway:NatGateway", "shop-prod-1"): {"tags": {"owner": "network"}},
"""

from typing import Any

import pulumi

OVERRIDES: dict[tuple[str, str], dict[str, Any]] = {}


def register() -> None:
    pulumi.runtime.register_resource_transform(override)


def override(
    resource: pulumi.ResourceTransformArgs,
) -> pulumi.ResourceTransformResult | None:
    everywhere = OVERRIDES.get((resource.type_, "*"), {})
    here = OVERRIDES.get((resource.type_, resource.name), {})
    changes = everywhere | here
    if not changes:
        return None
    return pulumi.ResourceTransformResult({**resource.props, **changes}, resource.opts)
