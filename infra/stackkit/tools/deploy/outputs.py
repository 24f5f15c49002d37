"""What a deployed stack says about itself."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from stackkit.tools.deploy.task import Place


@dataclass(frozen=True, kw_only=True)
class Outputs:
    url: str
    image: str
    # newest first: an image, and by which command it came
    deployments: Sequence[Mapping[str, str]] = ()
    # the URL of the stack's repository
    repository: str
    log_group: str
    target_group: str
    # where the service is in either of two by turns; empty before an update that knows of it
    target_groups: Sequence[str] = ()
    task: Place
    cluster: str
    # on Fargate
    service: str = ""
    task_definition: str = ""
    # on EC2
    group: str = ""
    template_version: str = ""


def read(exported: Mapping[str, Any]) -> Outputs | None:
    """None before the first deployment has come through."""
    known = {field.name for field in fields(Outputs)}
    needed = {field.name for field in fields(Outputs) if field.default is MISSING}
    kept = {name: value for name, value in exported.items() if name in known}
    return Outputs(**kept) if needed <= kept.keys() else None
