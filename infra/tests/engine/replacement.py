"""Which changes replace a resource, and how the engine is told."""

from pathlib import Path
from typing import Any

from pulumi.runtime.proto import provider_pb2

from stackkit.tools.rehearse.engine.wire import Values
from stackkit.tools.rehearse.recipe import read_table

REPLACING = read_table(Path(__file__).with_name("replacing.yaml"))


def replacing(kind: str, name: str, inputs: Values) -> bool:
    if (kind, name) == ("aws:ecs/service:Service", "capacityProviderStrategies"):
        return not inputs.get("forceNewDeployment")
    return name == "name" or name in REPLACING.get(kind, ())


def detailed(old: Values, new: Values, changed: list[str], replaces: list[str]) -> dict[str, Any]:
    return {name: _difference(name, old, new, name in replaces) for name in changed}


def _difference(name: str, old: Values, new: Values, replaces: bool) -> Any:
    kind = "UPDATE" if name in old and name in new else "ADD" if name in new else "DELETE"
    difference = provider_pb2.PropertyDiff
    named = getattr(difference, f"{kind}_REPLACE" if replaces else kind)
    return difference(kind=named, inputDiff=True)
