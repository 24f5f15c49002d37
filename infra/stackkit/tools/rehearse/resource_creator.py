"""Makes one resource: takes its inputs one by one and turns them into API calls."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath

from stackkit.tools.rehearse.account import ApiError, SimulatedAccount
from stackkit.tools.rehearse.map_to_api import MappingError, map_to_api, member

Outputs = dict[str, Any]


@dataclass
class ResourceCreator:
    """A resource on its way; what is left in `inputs` at the end reached no API."""

    account: SimulatedAccount
    type: str
    name: str
    inputs: dict[str, Any]

    def take(self, name: str, default: Any = None) -> Any:
        value = self.inputs.pop(name, None)
        return default if value is None else value

    def skip(self, *names: str) -> None:
        """Inputs that only the provider reads: how it waits, deletes or updates."""
        for name in names:
            self.inputs.pop(name, None)

    def named(self, name: str = "name") -> str:
        """The physical name: as given, or the logical one and seven digits, as Pulumi does it."""
        digits = hashlib.sha256(f"{self.type}{self.name}".encode()).hexdigest()[:7]
        return self.take(name, f"{self.name}-{digits}")

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.account.call(self.name, self.type, service, operation, given)

    def fitted(self, service: str, operation: str, path: str = "", **values: Any) -> Any:
        """Values under the provider's names, under those of a request's member instead."""
        shape: Any = self._shape(service, operation)
        for step in filter(None, path.split(".")):
            shape = shape.member if step == "[]" else shape.members[step]
        return map_to_api(
            shape, {name: value for name, value in values.items() if value is not None}
        )

    def rest(
        self,
        service: str,
        operation: str,
        renamed: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Call with every input that the operation has a member for, and with `parameters`."""
        shape = self._shape(service, operation)
        for name, target in (renamed or {}).items():
            if name in self.inputs and target in shape.members:
                value = map_to_api(shape.members[target], self.inputs.pop(name), name)
                parameters.setdefault(target, value)
        for name in list(self.inputs):
            target = member(shape, name)
            if target and target not in parameters:
                value = self.inputs.pop(name)
                if value is not None:
                    parameters[target] = map_to_api(shape.members[target], value, name)
        return self.call(service, operation, **parameters)

    def _shape(self, service: str, operation: str) -> Any:
        model = self.account.client(service).meta.service_model
        return model.operation_model(operation).input_shape

    def reject_unused(self) -> None:
        left = [name for name, value in self.inputs.items() if value is not None]
        if left:
            raise MappingError(f"{', '.join(sorted(left))}: nothing of the API takes it")

    def fail(self, message: str, operation: str, **parameters: Any) -> None:
        raise ApiError(message, operation, parameters)


Create = Callable[[ResourceCreator], Outputs]


def single_call(
    service: str,
    operation: str,
    *,
    auto: str = "",
    renamed: Mapping[str, str] | None = None,
    skipped: tuple[str, ...] = (),
    outputs: Mapping[str, str] | None = None,
    arn: str = "",
) -> Create:
    """A resource that one call makes.

    `auto` is the input that Pulumi names when the program doesn't, as input=Member. `outputs` are
    JMESPath expressions over {request, response}. `arn` is for what moto lacks: the end of an ARN,
    made up from the physical name.
    """

    def make(creator: ResourceCreator) -> Outputs:
        creator.skip(*skipped)
        name, _, target = auto.partition("=")
        parameters = {target: creator.named(name)} if auto else {}
        physical = parameters.get(target, "")
        answer = creator.rest(service, operation, renamed, **parameters)
        sources = {"request": creator.account.calls[-1].parameters, "response": answer}
        found = {key: jmespath.search(path, sources) for key, path in (outputs or {}).items()}
        if arn:
            found["arn"] = found["id"] = creator.account.invented_arn(service, arn.format(physical))
        return ({"id": physical, name: physical} if physical else {}) | found

    return make


def tagged(kind: str, tags: Mapping[str, str] | None) -> list[dict[str, Any]] | None:
    if not tags:
        return None
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs}]
