"""What a program under mocks registers: its resources, and those that components of awsx made."""

from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

from stackkit.policy.applied import Registration


def reference(kind: str, id: str) -> dict[str, Any]:
    """What the engine sends for a resource; it is named after its id, so that this suffices."""
    urn = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{id}"
    return {rpc._special_sig_key: rpc._special_resource_sig, "urn": urn, "id": id}


class TransformingMocks(mocks.Mocks):
    """Mocks that apply overrides, as the engine does."""

    def __init__(self) -> None:
        self._transforms: list[pulumi.ResourceTransform] = []

    def register_transform(self, transform: pulumi.ResourceTransform) -> None:
        self._transforms.append(transform)

    def transformed(self, kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        for transform in self._transforms:
            asked = pulumi.ResourceTransformArgs(True, kind, name, inputs, pulumi.ResourceOptions())
            result = transform(asked)
            if isinstance(result, pulumi.ResourceTransformResult):
                inputs = dict(result.props)
        return inputs


class Monitor(mocks.MockMonitor):
    """Keeps what is registered, as policies see it. Also knows the children of awsx components,
    which are not registered with it."""

    def __init__(self, answers: TransformingMocks) -> None:
        super().__init__(answers)
        self.registrations: list[Registration] = []
        self._answers = answers

    def RegisterResource(self, request: Any) -> Any:
        inputs = rpc.deserialize_properties(request.object)
        if request.custom or request.remote:
            changed = self._answers.transformed(request.type, request.name, inputs)
            request.object.update({k: v for k, v in changed.items() if v is not inputs.get(k)})
            inputs = rpc.deserialize_properties(request.object)
        self.registrations.append(
            Registration(
                type=request.type,
                name=request.name,
                urn=self.make_urn(request.parent, request.type, request.name),
                inputs={k: rpc.unwrap_rpc_secret(v) for k, v in inputs.items()},
                protect=request.protect,
                uses={k: list(v.urns) for k, v in request.propertyDependencies.items()},
            )
        )
        return super().RegisterResource(request)

    def Invoke(self, request: Any) -> Any:
        if request.tok == "pulumi:pulumi:getResource":
            urn = rpc.deserialize_properties(request.args)["urn"]
            part = self.ResourceRegistration(urn, urn.rpartition("::")[2], {})
            self.resources.setdefault(urn, part)
        return super().Invoke(request)
