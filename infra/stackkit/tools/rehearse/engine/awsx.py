"""Components of awsx: their parts are registered with the engine, as the real ones are."""

from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN, _special_resource_sig, _special_sig_key

from stackkit.tools.rehearse.account import texts
from stackkit.tools.rehearse.components import COMPONENTS
from stackkit.tools.rehearse.engine.wire import Values, struct, values


class ComponentResources:
    """Registers a component and its parts."""

    def __init__(self, request: Any, monitor: Any) -> None:
        self._request = request
        self._monitor = monitor
        self.urns: dict[str, str] = {}
        self.component = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type, name=request.name, parent=request.parent
            )
        ).urn

    def register(self, kind: str, name: str, inputs: Values) -> Values:
        made = self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=kind,
                name=name,
                parent=self.component,
                custom=True,
                object=struct(inputs),
                dependencies=self._needed(inputs),
                protect=self._request.protect,
                acceptSecrets=True,
                supportsPartialValues=True,
            )
        )
        self.urns[made.id] = made.urn
        id = made.id or UNKNOWN
        return {_special_sig_key: _special_resource_sig, "urn": made.urn, "id": id}

    def _needed(self, inputs: Values) -> list[str]:
        """Parts whose id, or a part of it such as a repository's name, is an input."""
        used = set(texts(inputs)) - {""}
        return [urn for id, urn in self.urns.items() if any(text in id for text in used)]


def construct(request: Any) -> Any:
    """Register a component's parts with the engine, whose address is in the request."""
    with grpc.insecure_channel(request.monitorEndpoint) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        parts = ComponentResources(request, monitor)
        expand = COMPONENTS[request.type]
        outputs = expand(request.name, values(request.inputs), parts.register)
        monitor.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(
                urn=parts.component, outputs=struct(outputs)
            )
        )
        urns = list(parts.urns.values())
        dependencies = provider_pb2.ConstructResponse.PropertyDependencies(urns=urns)
        return provider_pb2.ConstructResponse(
            urn=parts.component,
            state=struct(outputs),
            stateDependencies=dict.fromkeys(outputs, dependencies),
        )
