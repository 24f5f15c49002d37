"""What the container is handed at its start, and what its role may read."""

import json
from collections.abc import Iterator
from typing import Any

from stackkit.tools.rehearse.account import secret_parts
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot, Workload


def secrets(snapshot: AccountSnapshot) -> Iterator[str]:
    for workload in snapshot.workloads:
        wanted = {name: ref for name, ref in workload.secrets.items() if ":secretsmanager:" in ref}
        for name, reference in wanted.items():
            yield from _readable(snapshot, f"{workload.name}: {name}", reference)
        yield from _permitted(snapshot, workload, {secret_parts(ref)[0] for ref in wanted.values()})


def _readable(snapshot: AccountSnapshot, where: str, reference: str) -> Iterator[str]:
    arn, key = secret_parts(reference)
    if arn not in snapshot.secrets:
        yield f"{where}: there is no secret {arn}"
        return
    if not snapshot.secrets[arn].get("SecretVersionsToStages"):
        yield f"{where}: secret {arn} has no value"
        return
    manager = snapshot.account.client("secretsmanager")
    value = manager.get_secret_value(SecretId=arn)["SecretString"]
    if key and key not in json.loads(value):
        yield f"{where}: secret {arn} has no key {key}"


def _permitted(snapshot: AccountSnapshot, workload: Workload, wanted: set[str]) -> Iterator[str]:
    allowed = _resources(snapshot, workload.role, "secretsmanager:GetSecretValue")
    for arn in sorted(wanted - allowed):
        yield f"role {workload.role} may not read {arn}"
    for arn in sorted(allowed - wanted):
        yield f"role {workload.role} may also read {arn}"
    used = {snapshot.secrets[arn].get("KmsKeyId", "") for arn in wanted & set(snapshot.secrets)}
    for key in sorted(used - {""} - _resources(snapshot, workload.role, "kms:Decrypt")):
        yield f"role {workload.role} may not decrypt with {key}"


def _resources(snapshot: AccountSnapshot, role: str, action: str) -> set[str]:
    return {
        resource
        for statement in snapshot.statements(role)
        if statement["Effect"] == "Allow" and action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
