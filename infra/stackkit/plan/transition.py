"""What a deployment may change of a stack that runs: the last deployment against the next."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stackkit.plan.plan import Plan
from stackkit.settings.aws_sizes import database_memory
from stackkit.settings.errors import ConfigError

_REGION = "aws:region"
# what stays as it is from the first deployment on, and what another value would replace
_LASTING = {
    _REGION: "everything",
    "name": "everything",
    "vpc_id": "the database, the cache and the load balancer",
    "vpc_cidr": "the database, the cache and the load balancer",
    "internal": "the load balancer, whose address others know",
}
_REMEMBERED = ("vcpu_units", "zones", "database_class", "database_version")


def deployed(plan: Plan, region: str) -> Mapping[str, Any]:
    """What the next deployment has to know of this one; the stack keeps it as an output."""
    config = plan.config
    return {
        _REGION: region,
        **{key: getattr(config, key) for key in (*_LASTING, *_REMEMBERED) if key != _REGION},
        "largest_fleet": plan.fleet.maximum.value,
        "task_connections": plan.pools.database.value * config.workers,
    }


def check(plan: Plan, region: str, before: Mapping[str, Any]) -> None:
    """Raises ConfigError with a line for each change that AWS would refuse, or make too early.

    `before` is `deployed` of the last deployment, or empty before the first.
    """
    if not before:
        return
    found = [why for each in (_version, _class, _size) for why in each(plan, before)]
    if found := [*_lasting(deployed(plan, region), before), *found]:
        raise ConfigError("\n".join(found))


def _lasting(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """An output of before a key was remembered lacks it."""
    for key, replaced in _LASTING.items():
        running = before.get(key, wanted[key])
        if wanted[key] != running:
            yield (
                f"{key}: {json.dumps(wanted[key])} instead of {json.dumps(running)} would replace"
                f" {replaced}; set it back, or make another stack, or this one anew after `pulumi"
                " destroy`, and bring the data along."
            )
    if wanted["zones"] < before.get("zones", 0):
        yield (
            "zones: the database or the cache may stand in one that goes, and AWS keeps its subnet"
            f" then; set it back to {before['zones']}."
        )


def _version(plan: Plan, before: Mapping[str, Any]) -> Iterator[str]:
    wanted, running = plan.config.database_version, before["database_version"]
    # "18" is any minor version of 18
    known = min(wanted.count("."), running.count(".")) + 1
    if _parts(wanted)[:known] < _parts(running)[:known]:
        yield (
            f"database_version: {wanted} is older than {running}, and RDS never goes back; set it"
            f" to {running}, or restore a snapshot of {wanted} in another stack."
        )


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _class(plan: Plan, before: Mapping[str, Any]) -> Iterator[str]:
    config, running = plan.config, before["database_class"]
    if config.production and config.database_memory > database_memory(running):
        yield (
            f"database_class: {running} runs until RDS changes it in its maintenance window, and"
            f" pools must fit it; set running_database_class to {running} until then."
        )


def _size(plan: Plan, before: Mapping[str, Any]) -> Iterator[str]:
    """A new size replaces as many of the old one as the load asked for, not what it will need."""
    config, running = plan.config, int(before["largest_fleet"])
    if config.vcpu_units == before["vcpu_units"]:
        return
    beside = before["task_connections"] + plan.pools.database.value * config.workers
    # a group is cut to its maximum before its instances are replaced
    cut = config.compute == "ec2" and running > plan.fleet.maximum.value
    if cut or running * beside > plan.pools.database_connections.value:
        key = "task_cpu" if config.compute == "fargate" else "instance_types"
        yield (
            f"{key}: up to {running} of the size before run until this deployment has replaced"
            f" them; set fleet_max to {running}, deploy, and set it to 0 when the fleet has shrunk."
        )
