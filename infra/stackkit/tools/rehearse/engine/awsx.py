"""Components of awsx: their parts are registered with the engine, as the real ones are."""

from functools import partial
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN, _special_resource_sig, _special_sig_key

from stackkit.tools.rehearse.account import texts
from stackkit.tools.rehearse.components import COMPONENTS
from stackkit.tools.rehearse.engine.wire import Values, struct, values


def construct(request: Any) -> Any:
    """Register a component and its parts with the engine, whose address is in the request."""
    with grpc.insecure_channel(request.monitorEndpoint) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        component = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type, name=request.name, parent=request.parent
            )
        ).urn
        urns: dict[str, str] = {}
        register = partial(_register, monitor, urns, parent=component, protect=request.protect)
        outputs = COMPONENTS[request.type](request.name, values(request.inputs), register)
        monitor.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(urn=component, outputs=struct(outputs))
        )
        every = provider_pb2.ConstructResponse.PropertyDependencies(urns=list(urns.values()))
        return provider_pb2.ConstructResponse(
            urn=component, state=struct(outputs), stateDependencies=dict.fromkeys(outputs, every)
        )


def _register(
    monitor: Any, urns: dict[str, str], kind: str, name: str, inputs: Values, **options: Any
) -> Values:
    """Register a part; `urns` has those before it by id, and then this one."""
    used = set(texts(inputs)) - {""}
    made = monitor.RegisterResource(
        resource_pb2.RegisterResourceRequest(
            type=kind,
            name=name,
            custom=True,
            object=struct(inputs),
            # parts whose id, or a piece of it such as a repository's name, is an input
            dependencies=[urn for id, urn in urns.items() if any(text in id for text in used)],
            acceptSecrets=True,
            supportsPartialValues=True,
            **options,
        )
    )
    urns[made.id] = made.urn
    id = made.id or UNKNOWN
    return {_special_sig_key: _special_resource_sig, "urn": made.urn, "id": id}
