"""Resources that a component of awsx made: the engine hands them over as references."""

from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc


def reference(kind: str, id: str) -> dict[str, Any]:
    """What the engine sends for a resource; it is named after its id, so that this suffices."""
    urn = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{id}"
    return {rpc._special_sig_key: rpc._special_resource_sig, "urn": urn, "id": id}


class Monitor(mocks.MockMonitor):
    """Also knows the children of awsx components, which are not registered with it."""

    def Invoke(self, request: Any) -> Any:
        if request.tok == "pulumi:pulumi:getResource":
            urn = rpc.deserialize_properties(request.args)["urn"]
            part = self.ResourceRegistration(urn, urn.rpartition("::")[2], {})
            self.resources.setdefault(urn, part)
        return super().Invoke(request)
