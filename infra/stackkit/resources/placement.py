from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from stackkit.plan.plan import Plan
from stackkit.resources.container import Container
from stackkit.resources.edge import Edge
from stackkit.resources.standalone_task import StandaloneTask
from stackkit.settings.config import Config


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What runs, how much of it, and where: for tasks and for instances."""

    settings: Config
    numbers: Plan
    region: str
    container: Container
    subnet_ids: pulumi.Output[Any]
    security_group_id: pulumi.Input[str]
    edge: Edge
    # a deployment during which one of them fires is rolled back
    alarm_names: Sequence[pulumi.Output[str]]
    # has the cluster, the log and the roles
    standalone: StandaloneTask
    # compute is touched once it has run
    migration: pulumi.Resource
