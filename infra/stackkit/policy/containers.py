"""What the service is started with, read back from a task definition or a launch template."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackkit.policy.rules import Props

TASK = "aws:ecs/taskDefinition:TaskDefinition"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
KINDS = (TASK, TEMPLATE)
ENVIRONMENT_FILE = "/etc/app/environment"
STOP_FILE = "/etc/app/stop"


@dataclass(frozen=True)
class DeclaredContainer:
    name: str
    environment: Mapping[str, str]
    # seconds; None where it is not set
    stop_timeout: float | None
    # as ECS reads it; empty on an instance
    definition: Mapping[str, Any] = field(default_factory=dict)


def containers(kind: str, props: Props) -> list[DeclaredContainer]:
    if kind == TASK:
        return [_of_task(entry) for entry in json.loads(props["containerDefinitions"])]
    return _of_instance(props.get("userData") or "")


def _of_task(definition: Mapping[str, Any]) -> DeclaredContainer:
    pairs = definition.get("environment") or ()
    return DeclaredContainer(
        name=definition["name"],
        environment={pair["name"]: pair["value"] for pair in pairs},
        stop_timeout=definition.get("stopTimeout"),
        definition=definition,
    )


def _of_instance(user_data: str) -> list[DeclaredContainer]:
    """Nothing, where the user data isn't what resources/instance.py writes."""
    files = written_files(user_data)
    if not files:
        return []
    stop = _pairs(files.get(STOP_FILE, "")).get("STOP_SECONDS")
    return [
        DeclaredContainer(
            name=ENVIRONMENT_FILE,
            environment=_pairs(files.get(ENVIRONMENT_FILE, "")),
            stop_timeout=float(stop) if stop else None,
        )
    ]


def written_files(user_data: str) -> Mapping[str, str]:
    """What cloud-init writes, path → content."""
    head, _, body = base64.b64decode(user_data).decode().partition("\n")
    if head != "#cloud-config" or not body.startswith("{"):
        return {}
    return {file["path"]: file["content"] for file in json.loads(body).get("write_files", ())}


def _pairs(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in lines}
