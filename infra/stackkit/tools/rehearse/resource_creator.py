"""One resource on its way into the account."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.map_to_api import map_to_api, member

Outputs = dict[str, Any]


@dataclass
class ResourceCreator:
    """Takes from `inputs` what it sends; inputs that are left at the end reached no API."""

    account: SimulatedAccount
    type: str
    name: str
    inputs: dict[str, Any]

    def take(self, name: str, default: Any = None) -> Any:
        value = self.inputs.pop(name, None)
        return default if value is None else value

    def skip(self, *names: str) -> None:
        for name in names:
            self.inputs.pop(name, None)

    def named(self, name: str = "name") -> str:
        """The physical name: as given, or the logical one and seven digits, as Pulumi does it."""
        digits = hashlib.sha256(f"{self.type}{self.name}".encode()).hexdigest()[:7]
        return self.take(name, f"{self.name}-{digits}")

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.account.call(self.name, self.type, service, operation, parameters)

    def fit_and_call(
        self, call: str, given: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Request and response of a call, such as "ec2 CreateVpc"."""
        service, operation = call.split()
        request = map_to_api(self.shape(service, operation), given)
        return request, self.call(service, operation, **request)

    def take_fitting(self, call: str) -> dict[str, Any]:
        """Every input that a call has a member for."""
        shape = self.shape(*call.split())
        return {name: self.inputs.pop(name) for name in list(self.inputs) if member(shape, name)}

    def shape(self, service: str, operation: str) -> Any:
        model = self.account.client(service).meta.service_model
        return model.operation_model(operation).input_shape


Create = Callable[[ResourceCreator], Outputs]
