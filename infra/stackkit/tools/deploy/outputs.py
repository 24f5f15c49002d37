"""What a deployed stack says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Outputs:
    url: str
    image: str
    log_group: str
    target_group: str
    # on Fargate
    cluster: str = ""
    service: str = ""
    task_definition: str = ""
    # on EC2
    group: str = ""
    template_version: str = ""


def read(exported: Mapping[str, Any]) -> Outputs | None:
    """None before the first deployment has come through."""
    known = {field.name for field in fields(Outputs)}
    kept = {name: value for name, value in exported.items() if name in known}
    return Outputs(**kept) if "url" in kept else None
