"""The provider of these tests: it also updates, replaces and reads resources, and runs commands."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from engine.change import Changing
from engine.commands import CommandRunner
from engine.reading import as_found, read
from engine.replacement import detailed, replacing
from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.engine import provider
from stackkit.tools.rehearse.engine.provider import META, answering
from stackkit.tools.rehearse.engine.wire import Values, struct, values
from stackkit.tools.rehearse.recipe import create
from stackkit.tools.rehearse.resource_creator import ResourceCreator

COMMAND = "command:local:Command"


@dataclass
class Naming(ResourceCreator):
    """A creator that names a resource once: its logical name and seven digits, as Pulumi does."""

    # input → name, where the program gives none
    names: dict[str, str] = field(default_factory=dict)

    def named(self, name: str = "name") -> str:
        if self.inputs.get(name) is None:
            new = f"{self.name}-{secrets.token_hex(4)[:7]}"
            self.inputs[name] = self.names.setdefault(name, new)
        return self.take(name)


class Provider(provider.Provider):
    def __init__(self, account: SimulatedAccount, commands: CommandRunner) -> None:
        super().__init__(account)
        self._commands = commands
        self._names: dict[str, dict[str, str]] = {}
        # the inputs that the API reads back as they were sent
        self._readable: dict[str, set[str]] = {}

    def Diff(self, request: Any, context: Any) -> Any:
        found = super().Diff(request, context)
        old, new = values(request.old_inputs), values(request.news)
        found.replaces.extend(n for n in found.diffs if replacing(request.type, n, new))
        for name, difference in detailed(old, new, list(found.diffs), found.replaces).items():
            found.detailedDiff[name].CopyFrom(difference)
        found.hasDetailedDiff = True
        return found

    def Create(self, request: Any, context: Any) -> Any:
        if request.type == COMMAND and not request.preview:
            inputs = values(request.properties)
            said = self._run(inputs, "create", context)
            return provider_pb2.CreateResponse(id=request.name, properties=struct(inputs | said))
        made = super().Create(request, context)
        if not request.preview:
            self._note_readable(values(made.properties)[META], values(request.properties))
        return made

    def Update(self, request: Any, context: Any) -> Any:
        inputs, old = values(request.news), values(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        if request.type == COMMAND:
            said = self._run(inputs, "update", context)
            return provider_pb2.UpdateResponse(properties=struct(inputs | said))
        number = old[META]
        with self._lock, answering(context):
            changing: Any = Changing(self._account, self._calls[number])
            creator = self._creator(request, dict(inputs), number)
            creator.account = changing
            outputs = create(creator)
            self._calls[number] = changing.finish()
        self._note_readable(number, inputs)
        outputs.pop("id", None)
        kept = {
            name: value for name, value in old.items() if name not in values(request.old_inputs)
        }
        return provider_pb2.UpdateResponse(properties=struct({**kept, **inputs, **outputs}))

    def Delete(self, request: Any, context: Any) -> Any:
        if request.type == COMMAND:
            self._run(values(request.properties), "delete", context)
            return empty_pb2.Empty()
        return super().Delete(request, context)

    def Read(self, request: Any, context: Any) -> Any:
        state, inputs = values(request.properties), values(request.inputs)
        number = state.get(META, "")
        if number not in self._calls:
            return provider_pb2.ReadResponse(
                id=request.id, properties=request.properties, inputs=request.inputs
            )
        with self._lock:
            found = read(self._account, self._calls[number], inputs)
        if found is None:
            return provider_pb2.ReadResponse()
        readable = self._readable[number]
        now = {name: found[name] for name in readable if found[name] != inputs[name]}
        self._calls[number] = as_found(self._calls[number], now)
        return provider_pb2.ReadResponse(
            id=request.id, properties=struct(state | now), inputs=struct(inputs | now)
        )

    def _creator(self, request: Any, inputs: Values, number: str) -> ResourceCreator:
        names = self._names.setdefault(number, {})
        return Naming(self._account, request.type, request.name, inputs, names)

    def _run(self, inputs: Values, step: str, context: Any) -> Values:
        with answering(context):
            return self._commands.run(inputs, step)

    def _note_readable(self, number: str, inputs: Values) -> None:
        with self._lock:
            found = read(self._account, self._calls[number], inputs) or {}
        self._readable[number] = {name for name, value in found.items() if value == inputs[name]}
