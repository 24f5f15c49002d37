"""The stand-in for Pulumi's AWS provider: resources are made in the simulated account."""

import itertools
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from stackkit.tools.rehearse.account import ApiError, Call, SimulatedAccount
from stackkit.tools.rehearse.engine.awsx import construct
from stackkit.tools.rehearse.engine.undo import empty, undo
from stackkit.tools.rehearse.engine.wire import Values, struct, values
from stackkit.tools.rehearse.lookups import look_up
from stackkit.tools.rehearse.map_to_api import MappingError
from stackkit.tools.rehearse.recipe import create
from stackkit.tools.rehearse.resource_creator import ResourceCreator

# the output by which a resource of the state is found again; the bridge uses the same name
META = "__meta"
PACKAGES = ("aws", "awsx", "command", "docker-build", "random")
# components wait in Construct while their parts are made
_THREADS = 64


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Makes and deletes resources; what an update would do is said and not done.

    The engine does without the methods that are left out.
    """

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        # moto isn't made for several threads
        self._lock = threading.RLock()
        # resource → the calls that it consists of
        self._calls: dict[str, list[Call]] = {}
        self._numbers = itertools.count(1)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def Configure(self, request: Any, context: Any) -> Any:
        # a provider of components must; else the engine itself keeps track of what is secret
        components = request.type == "pulumi:providers:awsx"
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=components)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = _compared(request.old_inputs), _compared(request.news)
        compared = (old.keys() | new.keys()) - set(request.ignoreChanges)
        changed = sorted(name for name in compared if old.get(name) != new.get(name))
        kinds = provider_pb2.DiffResponse
        return kinds(changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed)

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        inputs, number = values(request.properties), str(next(self._numbers))
        with self._lock, answering(context):
            before = len(self._account.calls)
            outputs = create(self._creator(request, dict(inputs), number))
            self._calls[number] = self._account.calls[before:]
        id = outputs.pop("id", request.name)
        state = struct({**inputs, **outputs, META: number})
        return provider_pb2.CreateResponse(id=id, properties=state)

    def Update(self, request: Any, context: Any) -> Any:
        state = values(request.olds) | values(request.news)
        return provider_pb2.UpdateResponse(properties=struct(state))

    def Delete(self, request: Any, context: Any) -> Any:
        state = values(request.properties)
        with self._lock, answering(context):
            if state.get("forceDestroy"):
                empty(self._account, state["bucket"])
            for call in reversed(self._calls[state[META]]):
                undo(self._account, call)
        del self._calls[state[META]]
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        with self._lock, answering(context):
            found = look_up(self._account, request.tok, values(request.args))
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(struct(found))
        return answer

    def Construct(self, request: Any, context: Any) -> Any:
        return construct(request)

    def _creator(self, request: Any, inputs: Values, number: str) -> ResourceCreator:
        return ResourceCreator(self._account, request.type, request.name, inputs)


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """The address of each package's provider, as the engine's environment variable has them."""
    server = grpc.server(ThreadPoolExecutor(_THREADS))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ",".join(f"{package}:{port}" for package in PACKAGES)
    finally:
        server.stop(None)


@contextmanager
def answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Turns what the account refuses into the error of a call of the engine's."""
    try:
        yield
    except (MappingError, ApiError, LookupError) as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{error}")
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
        context.abort(grpc.StatusCode.INTERNAL, shown)


def _compared(sent: struct_pb2.Struct) -> Values:
    """Inputs without a registry's password: each login has another, which makes no difference."""
    return {name: value for name, value in values(sent).items() if name != "registries"}
