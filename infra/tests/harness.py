"""Runs the whole program against a pretended AWS and records what it asked for."""

import runpy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import mocks, rpc, set_all_config, settings
from pulumi.runtime.stack import Stack

from cloud import ACCOUNT, REGION, Cloud
from stackkit.policy import applied
from stackkit.tools.rehearse.monitor import Monitor

INFRA = Path(__file__).absolute().parents[1]
# the program of a project
PROGRAM = INFRA.parent / "{{cookiecutter.project}}" / "infra"
PROJECT = "shop"
DOMAIN = "api.example.com"

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop@sha256:{'0' * 64}"
COMMON = {"upstream_url": "https://upstream.example.com"}
DEV = COMMON | {
    "tier": "dev",
    "peak_in_flight": "100",
    "base_in_flight": "5",
    "task_cpu": "256",
    "task_memory_mib": "512",
    "instance_types": '["c7g.medium"]',
    "waf": "false",
    "database_class": "db.t4g.micro",
    "database_storage_gb": "20",
    "database_storage_max_gb": "50",
    "backup_days": "1",
    "cache_class": "cache.t4g.micro",
    "cache_replicas": "0",
    "log_days": "7",
}
PROD = COMMON | {"waf": "true", "cache_replicas": "2", "alarm_email": "oncall@example.com"}
TASK = "aws:ecs/taskDefinition:TaskDefinition"
# how the wire marks a secret
MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps encrypted."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Registration(applied.Registration):
    """Whose numbers are whole again and whose secrets are closed."""

    parent: str
    ignore_changes: Sequence[str]
    depends_on: Sequence[str]
    retain_on_delete: bool = False


@dataclass
class Run:
    registrations: list[Registration] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    # ids and ARNs that the pretended AWS gave out
    given: set[str] = field(default_factory=set)

    def all(self, kind: str) -> list[Registration]:
        return [entry for entry in self.registrations if entry.type == kind]

    def names(self, kind: str) -> list[str]:
        return sorted(entry.name for entry in self.all(kind))

    def one(self, kind: str, name: str | None = None) -> Registration:
        found = [entry for entry in self.all(kind) if name in (None, entry.name)]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
        return found[0]

    def service_task(self) -> Registration:
        [found] = [r for r in self.all(TASK) if not r.name.endswith("-task")]
        return found

    def counts(self) -> dict[str, int]:
        kinds = sorted(entry.type for entry in self.registrations)
        return {kind: kinds.count(kind) for kind in kinds}


class Recorder(Monitor):
    """Keeps the options too, which mocks don't see."""

    def __init__(self, cloud: Cloud, run: Run) -> None:
        super().__init__(cloud)
        self._run = run

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        inputs = rpc.deserialize_properties(request.object)  # overrides are in it now
        if request.type != "pulumi:pulumi:Stack":
            self._run.registrations.append(
                Registration(
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    inputs=_opened(inputs),
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    ignore_changes=list(request.ignoreChanges),
                    depends_on=list(request.dependencies),
                    urn=self.make_urn(request.parent, request.type, request.name),
                    uses={k: list(v.urns) for k, v in request.propertyDependencies.items()},
                )
            )
        made = _opened(rpc.deserialize_properties(_without_parts(answer.object)))
        arns = {v for v in leaves(made) if isinstance(v, str) and v.startswith("arn:")}
        self._run.given |= {answer.id, *arns} - {""}
        return answer


def _without_parts(answered: struct_pb2.Struct) -> struct_pb2.Struct:
    """A reference read here would ask for its resource on the monitor's loop, not the program's."""
    plain = struct_pb2.Struct()
    plain.CopyFrom(answered)
    for part in ("natGateways", "lifecyclePolicy"):
        plain.fields.pop(part, None)
    return plain


def _opened(value: Any) -> Any:
    """Mark secrets, and turn the floats of the wire back into whole numbers."""
    if isinstance(value, Mapping):
        if value.get(MARK) == SECRET:
            return Secret(_opened(value["value"]))
        return {key: _opened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_opened(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def run(
    stack: str,
    values: Mapping[str, str],
    secrets: Mapping[str, str] | None = None,
    preview: bool = False,
    recorded: Run | None = None,
    last_outputs: Mapping[str, Any] | None = None,
) -> Run:
    """Run the program for a stack's keys; raise what the program raises."""
    recorded = recorded or Run()
    secrets = secrets or {}
    given = {f"{PROJECT}:{key}": value for key, value in {**values, **secrets}.items()}
    encrypted = [f"{PROJECT}:{key}" for key in secrets]
    set_all_config({"aws:region": REGION, **given}, encrypted)
    settings.ROOT.set(None)
    cloud = Cloud(preview, last_outputs)
    mocks.set_mocks(
        cloud,
        project=PROJECT,
        stack=stack,
        organization="organization",
        preview=preview,
        monitor=Recorder(cloud, recorded),
    )

    @pulumi.runtime.test
    def program() -> Any:
        runpy.run_path(str(PROGRAM / "__main__.py"), run_name="__main__")
        root = settings.get_root_resource()
        assert isinstance(root, Stack)
        known = pulumi.Output.all(**root.outputs)
        return known.apply(recorded.outputs.update)

    program()
    return recorded


@cache
def stack(tier: str, compute: str = "fargate", domain: bool = True, preview: bool = False) -> Run:
    """One of the eight stacks that the template promises; each runs once in a session."""
    return run(tier, keys(tier, compute, domain), preview=preview)


def keys(tier: str, compute: str = "fargate", domain: bool = True) -> dict[str, str]:
    values = {"dev": DEV, "prod": PROD}[tier] | {"compute": compute}
    return values | ({"domain": DOMAIN} if domain else {"allow_http": "true"})


def leaves(value: Any) -> Iterator[Any]:
    """Every value in a structure; a secret is one, and stays closed."""
    if isinstance(value, Mapping):
        for entry in value.values():
            yield from leaves(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from leaves(entry)
    else:
        yield value
