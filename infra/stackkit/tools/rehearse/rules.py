"""What AWS refuses although neither its models nor moto say so; each with AWS's own wording."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stackkit.settings.aws_sizes import FARGATE_MEMORY

# characters of a load balancer's or a target group's name
BALANCER_NAME = 32
# what RDS offers for new databases
POSTGRESQL = ("14", "15", "16", "17", "18")

Parameters = Mapping[str, Any]


def broken(operation: str, parameters: Parameters) -> list[str]:
    rule = _RULES.get(operation)
    return list(rule(parameters)) if rule else []


def _balancer_name(parameters: Parameters) -> Iterator[str]:
    name = parameters["Name"]
    if len(name) > BALANCER_NAME:
        yield f"Name: {name!r} cannot be longer than '{BALANCER_NAME}' characters"


def _engine(parameters: Parameters) -> Iterator[str]:
    version = parameters.get("EngineVersion", "")
    if parameters.get("Engine") == "postgres" and version.partition(".")[0] not in POSTGRESQL:
        yield f"EngineVersion: Cannot find version {version} for postgres"


def _family(parameters: Parameters) -> Iterator[str]:
    family = parameters["DBParameterGroupFamily"]
    if family not in {f"postgres{version}" for version in POSTGRESQL}:
        yield f"DBParameterGroupFamily: {family} is not a valid parameter group family"


def _task_size(parameters: Parameters) -> Iterator[str]:
    if "FARGATE" not in parameters.get("requiresCompatibilities", ()):
        return
    cpu, memory = parameters.get("cpu", ""), parameters.get("memory", "")
    sizes = FARGATE_MEMORY.get(int(cpu), ()) if cpu.isdigit() else ()
    if not memory.isdigit() or int(memory) not in sizes:
        yield f"cpu, memory: No Fargate configuration exists for given values: {cpu}, {memory}"


_RULES: Mapping[str, Callable[[Parameters], Iterator[str]]] = {
    "CreateLoadBalancer": _balancer_name,
    "CreateTargetGroup": _balancer_name,
    "CreateDBInstance": _engine,
    "CreateDBParameterGroup": _family,
    "RegisterTaskDefinition": _task_size,
}
