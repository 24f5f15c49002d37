"""What the container is handed at its start, and what its role may read."""

import json
from collections.abc import Iterator
from typing import Any

from stackkit.tools.rehearse.account_snapshot import Workload, World


def secrets(world: World) -> Iterator[str]:
    for workload in world.workloads:
        wanted = {name: ref for name, ref in workload.secrets.items() if ":secretsmanager:" in ref}
        for name, reference in wanted.items():
            yield from _readable(world, f"{workload.name}: {name}", reference)
        yield from _permitted(world, workload, {_arn(ref) for ref in wanted.values()})


def _readable(world: World, where: str, reference: str) -> Iterator[str]:
    arn, key = _arn(reference), ":".join(reference.split(":")[7:8])
    if arn not in world.secrets:
        yield f"{where}: there is no secret {arn}"
        return
    if not world.secrets[arn].get("SecretVersionsToStages"):
        yield f"{where}: secret {arn} has no value"
        return
    manager = world.account.client("secretsmanager")
    value = manager.get_secret_value(SecretId=arn)["SecretString"]
    if key and key not in json.loads(value):
        yield f"{where}: secret {arn} has no key {key}"


def _permitted(world: World, workload: Workload, wanted: set[str]) -> Iterator[str]:
    allowed = _resources(world, workload.role, "secretsmanager:GetSecretValue")
    for arn in sorted(wanted - allowed):
        yield f"role {workload.role} may not read {arn}"
    for arn in sorted(allowed - wanted):
        yield f"role {workload.role} may also read {arn}"
    keys = {world.secrets[arn].get("KmsKeyId", "") for arn in wanted & set(world.secrets)} - {""}
    for key in sorted(keys - _resources(world, workload.role, "kms:Decrypt")):
        yield f"role {workload.role} may not decrypt with {key}"


def _resources(world: World, role: str, action: str) -> set[str]:
    return {
        resource
        for statement in world.statements(role)
        if statement["Effect"] == "Allow" and action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _arn(reference: str) -> str:
    """Without the key, stage and version that may follow."""
    return ":".join(reference.split(":")[:7])
