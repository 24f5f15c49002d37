"""The stand-in for Pulumi's AWS provider: resources are made in the simulated account."""

import itertools
import secrets
import threading
import traceback
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from stackkit.tools.rehearse.account import ApiError, Call, SimulatedAccount
from stackkit.tools.rehearse.engine.awsx import construct
from stackkit.tools.rehearse.engine.change import Changing
from stackkit.tools.rehearse.engine.commands import CommandError, CommandRunner
from stackkit.tools.rehearse.engine.reading import as_found, read
from stackkit.tools.rehearse.engine.replacement import detailed, replacing
from stackkit.tools.rehearse.engine.undo import empty, undo
from stackkit.tools.rehearse.engine.wire import Values, struct, values
from stackkit.tools.rehearse.lookups import look_up
from stackkit.tools.rehearse.map_to_api import MappingError
from stackkit.tools.rehearse.recipe import CREATORS
from stackkit.tools.rehearse.resource_creator import ResourceCreator

# the output by which a resource of the state is found again; the bridge uses the same name
META = "__meta"
COMMAND = "command:local:Command"


@dataclass
class Made:
    """A resource in the account: its names there and the calls that it consists of."""

    calls: list[Call] = field(default_factory=list)
    # input → name, where the program gives none
    names: dict[str, str] = field(default_factory=dict)
    # the inputs that the API reads back as they were sent
    readable: set[str] = field(default_factory=set)
    suffix: str = field(default_factory=lambda: secrets.token_hex(4)[:7])


@dataclass
class Naming(ResourceCreator):
    """A creator that names a resource once: its logical name and seven digits, as Pulumi does."""

    made: Made = field(default_factory=Made)

    def named(self, name: str = "name") -> str:
        if self.inputs.get(name) is None:
            self.inputs[name] = self.made.names.setdefault(name, f"{self.name}-{self.made.suffix}")
        return self.take(name)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, account: SimulatedAccount, commands: CommandRunner) -> None:
        self._account = account
        self._commands = commands
        # moto isn't made for several threads
        self._lock = threading.RLock()
        self._made: dict[str, Made] = {}
        self._numbers = itertools.count(1)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        # a provider of components must; else the engine itself keeps track of what is secret
        components = request.type == "pulumi:providers:awsx"
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=components)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = _compared(request.old_inputs), _compared(request.news)
        changed = sorted(name for name in old | new if old.get(name) != new.get(name))
        replaces = [name for name in changed if replacing(request.type, name, new)]
        some = provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(
            changes=some if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            detailedDiff=detailed(old, new, changed, replaces),
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = values(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        if request.type == COMMAND:
            with answering(context):
                said = self._commands.run(inputs, "create")
            return provider_pb2.CreateResponse(id=request.name, properties=struct(inputs | said))
        made = Made()
        with self._lock, answering(context):
            before = len(self._account.calls)
            outputs = self._play(request, inputs, made, self._account)
            made.calls = self._account.calls[before:]
            made.readable = self._readable(made, inputs)
        number = str(next(self._numbers))
        self._made[number] = made
        id = outputs.pop("id", request.name)
        state = struct({**inputs, **outputs, META: number})
        return provider_pb2.CreateResponse(id=id, properties=state)

    def Update(self, request: Any, context: Any) -> Any:
        inputs, old = values(request.news), values(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        if request.type == COMMAND:
            with answering(context):
                said = self._commands.run(inputs, "update")
            return provider_pb2.UpdateResponse(properties=struct(inputs | said))
        made = self._made[old[META]]
        with self._lock, answering(context):
            changing: Any = Changing(self._account, made.calls)
            outputs = self._play(request, inputs, made, changing)
            made.calls = changing.finish()
            made.readable = self._readable(made, inputs)
        outputs.pop("id", None)
        kept = {
            name: value for name, value in old.items() if name not in values(request.old_inputs)
        }
        return provider_pb2.UpdateResponse(properties=struct({**kept, **inputs, **outputs}))

    def Delete(self, request: Any, context: Any) -> Any:
        if request.type == COMMAND:
            with answering(context):
                self._commands.run(values(request.properties), "delete")
            return empty_pb2.Empty()
        state = values(request.properties)
        number = state[META]
        with self._lock, answering(context):
            if state.get("forceDestroy"):
                empty(self._account, state["bucket"])
            for call in reversed(self._made[number].calls):
                undo(self._account, call)
        del self._made[number]
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:
        state, inputs = values(request.properties), values(request.inputs)
        made = self._made.get(state.get(META, ""))
        if made is None:
            return provider_pb2.ReadResponse(
                id=request.id, properties=request.properties, inputs=request.inputs
            )
        with self._lock:
            found = read(self._account, made.calls, inputs)
        if found is None:
            return provider_pb2.ReadResponse()
        now = {name: found[name] for name in made.readable if found[name] != inputs[name]}
        made.calls = as_found(made.calls, now)
        return provider_pb2.ReadResponse(
            id=request.id, properties=struct(state | now), inputs=struct(inputs | now)
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        with self._lock, answering(context):
            found = look_up(self._account, request.tok, values(request.args))
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(struct(found))
        return answer

    def Construct(self, request: Any, context: Any) -> Any:
        return construct(request)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _readable(self, made: Made, inputs: Values) -> set[str]:
        found = read(self._account, made.calls, inputs) or {}
        return {name for name, value in found.items() if value == inputs[name]}

    def _play(self, request: Any, inputs: Values, made: Made, account: SimulatedAccount) -> Values:
        creator = Naming(account, request.type, request.name, dict(inputs), made)
        if request.type not in CREATORS:
            raise MappingError(f"the rehearsal knows no {request.type}")
        outputs = CREATORS[request.type](creator)
        creator.reject_unused()
        return outputs


class answering:
    """Turns what the account refuses into the error of a call of the engine's."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (MappingError, ApiError, CommandError, LookupError)):
            self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{error}")
        if error is not None:
            shown = "".join(traceback.format_exception(error))
            self._context.abort(grpc.StatusCode.INTERNAL, shown)


def _compared(sent: struct_pb2.Struct) -> Values:
    """Inputs without a registry's password: each login has another, which makes no difference."""
    found = values(sent)
    found.pop("registries", None)
    return found
