"""Keeps every role of the program within the bound that `make bootstrap` has made."""

import pulumi

from stackkit.resources.delivery_permissions import DeliveryScope

ROLE = "aws:iam/role:Role"


def register(scope: DeliveryScope) -> None:
    """Roles of components of other packages, too."""

    def bounded(resource: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if resource.type_ != ROLE:
            return None
        props = {**resource.props, "permissionsBoundary": scope.boundary}
        return pulumi.ResourceTransformResult(props, resource.opts)

    pulumi.runtime.register_resource_transform(bounded)
