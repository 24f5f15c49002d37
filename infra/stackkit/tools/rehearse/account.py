"""A simulated AWS account: every call is checked, answered by moto in this process, and kept."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from stackkit.settings.config import WORLD
from stackkit.tools.rehearse.api_models import faults
from stackkit.tools.rehearse.rules import broken
from stackkit.tools.rehearse.unsupported import lacking

ACCOUNT = "123456789012"
# nothing listens there: a client that moto doesn't answer fails instead of leaving the machine
NOWHERE = "http://127.0.0.1:9"
_ID = re.compile(r"(?:sg|subnet|vpc|rtb|igw|nat|eipalloc|lt)-[0-9a-f]{8,17}")
_OWN_ARN = re.compile(rf"arn:aws:[a-z0-9-]+:[a-z0-9-]*:{ACCOUNT}:[^*]+")


class ApiError(Exception):
    """What the API said, and to which input."""

    def __init__(self, message: str, operation: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.operation = operation
        self.parameters = parameters


@dataclass(frozen=True)
class Call:
    """One request of a resource's; the response is empty where the API refused or moto has none."""

    name: str
    type: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    response: Mapping[str, Any]


@dataclass
class SimulatedAccount:
    region: str
    calls: list[Call] = field(default_factory=list)
    # ids and ARNs that exist because an answer contained them
    known: set[str] = field(default_factory=set)
    # ranges of addresses that the stack is meant for
    allow_from: Sequence[str] = (WORLD,)
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        isolate(self.region)
        self._moto = mock_aws()
        self._moto.start()
        self._session = boto3.Session()

    def close(self) -> None:
        """Forget the account, so that the process has room for the next one."""
        # the next one begins by removing what is left
        self._moto.stop(remove_data=False)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            settings = Config(
                ignore_configured_endpoint_urls=True,
                retries={"total_max_attempts": 1},
                proxies={"http": NOWHERE, "https": NOWHERE},
            )
            self._clients[service] = self._session.client(service, config=settings)
        return self._clients[service]

    def read(self, service: str, method: str, key: str, **asked: Any) -> list[dict[str, Any]]:
        """The entries of all pages of a describing or listing call."""
        client = self.client(service)
        if not client.can_paginate(method):
            return getattr(client, method)(**asked)[key]
        pages = client.get_paginator(method).paginate(**asked)
        return [entry for page in pages for entry in page[key]]

    def call(
        self, name: str, kind: str, service: str, operation: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        """Make a resource's call; raises Refused with the API's message."""
        answer: dict[str, Any] = {}
        try:
            self.check(service, operation, parameters)
            if not lacking(service, operation, parameters):
                answer = self._send(service, operation, parameters)
        finally:
            self.calls.append(Call(name, kind, service, operation, parameters, answer))
        self.known |= set(_names(answer))
        return answer

    def invented_arn(self, service: str, rest: str) -> str:
        """The ARN of something that moto lacks, which exists from here on."""
        arn = f"arn:aws:{service}:{self.region}:{ACCOUNT}:{rest}"
        self.known.add(arn)
        return arn

    def unsupported(self) -> dict[str, list[str]]:
        """What was held against the API's model only: reason → names of resources."""
        found: dict[str, set[str]] = {}
        for call in self.calls:
            if reason := lacking(call.service, call.operation, call.parameters):
                found.setdefault(f"{call.service} {call.operation}: {reason}", set()).add(call.name)
        return {reason: sorted(names) for reason, names in found.items()}

    def check(self, service: str, operation: str, parameters: dict[str, Any]) -> None:
        """Hold a request against the API's model, and its references against what exists."""
        model = self.client(service).meta.service_model.operation_model(operation)
        found = list(faults(model.input_shape, parameters)) if model.input_shape else []
        found += broken(operation, parameters)
        found += [f"{name} does not exist" for name in sorted(self._dangling(parameters))]
        if found:
            raise ApiError("; ".join(found), operation, parameters)

    def _dangling(self, parameters: dict[str, Any]) -> set[str]:
        names = _names(parameters)
        # a reference to a secret may go on with a key, a stage and a version
        return {secret_parts(n)[0] if ":secret:" in n else n for n in names} - self.known

    def _send(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = getattr(self.client(service), xform_name(operation))(**parameters)
        except ClientError as error:
            said = error.response["Error"]
            message = f"{said['Code']}: {said['Message']}"
            raise ApiError(message, operation, parameters) from error
        except BotoCoreError as error:
            raise ApiError(str(error), operation, parameters) from error
        except (NotImplementedError, KeyError, TypeError, AttributeError) as error:
            raise ApiError(f"moto has no answer: {error!r}", operation, parameters) from error
        answer.pop("ResponseMetadata", None)
        for failed in answer.get("Unsuccessful", ()):
            raise ApiError(failed["Error"]["Message"], operation, parameters)
        return answer


def secret_parts(reference: str) -> tuple[str, str]:
    """The ARN of a secret, and the key that a reference may go on with."""
    parts = reference.split(":")
    return ":".join(parts[:7]), ":".join(parts[7:8])


def isolate(region: str) -> None:
    """Leave nothing in the environment that an AWS client could reach a real account with."""
    for variable in [entry for entry in os.environ if entry.startswith("AWS_")]:
        del os.environ[variable]
    os.environ.update(
        AWS_ACCESS_KEY_ID="rehearsal",
        AWS_SECRET_ACCESS_KEY="rehearsal",
        AWS_DEFAULT_REGION=region,
        AWS_REGION=region,
        AWS_ENDPOINT_URL=NOWHERE,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        # managed policies are attached by ARN and must exist; of AMIs, none of moto's is launched
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
        MOTO_EC2_LOAD_DEFAULT_AMIS="false",
    )


def texts(value: Any) -> Iterator[str]:
    """The texts in a structure, without its keys."""
    if isinstance(value, Mapping):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)
    elif isinstance(value, str):
        yield value


def _names(value: Any) -> Iterator[str]:
    """The ids and own ARNs in a structure; text that merely contains one doesn't count."""
    return (text for text in texts(value) if _ID.fullmatch(text) or _OWN_ARN.fullmatch(text))
