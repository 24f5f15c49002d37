"""Reads Pulumi.yaml and Pulumi.<stack>.yaml as the engine would, without it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stackkit.settings.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class StackFile:
    # "" where no Pulumi.yaml names it
    project: str
    region: str
    values: Mapping[str, object]
    # names of those that are encrypted
    secrets: Sequence[str]
    # that the provider gives each resource
    tags: Mapping[str, str]


def read_stack(folder: Path, stack: str) -> StackFile:
    """A stack's keys without their namespace; stack "" has none."""
    project = _yaml(folder / "Pulumi.yaml").get("name", "")
    if not stack:
        return StackFile(project=project, region="", values={}, secrets=(), tags={})
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.exists():
        stacks = sorted(each.name.split(".")[1] for each in folder.glob("Pulumi.*.yaml"))
        raise ConfigError(
            f"There is no {file.name} in {folder}, which has {', '.join(stacks) or 'none'}:"
            " copy a stack's file and change it."
        )
    prefix = f"{project}:"
    keys: Mapping[str, Any] = _yaml(file).get("config") or {}
    own = {name.removeprefix(prefix): value for name, value in keys.items() if prefix in name}
    return StackFile(
        project=project,
        region=str(keys.get("aws:region", "")),
        values=own,
        secrets=[name for name, value in own.items() if isinstance(value, dict)],
        tags=(keys.get("aws:defaultTags") or {}).get("tags") or {},
    )


def _yaml(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text()) or {} if file.exists() else {}


def assignments(given: Iterable[str]) -> dict[str, str]:
    """Keys and values that stand in place of the file's, as fleet_min=60."""
    for each in given:
        if "=" not in each:
            raise ConfigError(f"{each}: write it as KEY=VALUE.")
    return dict(each.split("=", 1) for each in given)
