"""Brings the database to the image's revision, before the service changes."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local

from stackkit.resources.component import Component

COMMAND = "alembic upgrade head"
# read by `python -m stackkit.tools.deploy task`
VARIABLE = "STANDALONE_TASK"


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    region: str
    # each new one migrates; a change of the configuration doesn't
    image: pulumi.Input[str]
    task: pulumi.Output[dict[str, Any]]
    # the database, the way to it, and the permission to use it
    needs: Sequence[pulumi.Resource]


class Migration(Component):
    """Runs one task and waits for it. If it fails, the update ends before what depends on it."""

    def __init__(self, name: str, args: MigrationArgs) -> None:
        super().__init__("service:data:Migration", name)
        local.Command(
            f"{name}-migration",
            create=f"{_python()} -m stackkit.tools.deploy task {COMMAND}",
            # a change that isn't a trigger, such as of the subnets, runs nothing
            update="true",
            triggers=[args.image],
            environment={
                **_account(args.region),
                VARIABLE: pulumi.Output.json_dumps(args.task),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.register_outputs({})


def _account(region: str) -> dict[str, str]:
    """Where the provider works, whatever a shell has set."""
    profile = pulumi.Config("aws").get("profile")
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **({"AWS_PROFILE": profile} if profile else {}),
    }


def _python() -> str:
    """The program's own, by a path that is the same on each machine where there is one."""
    here = Path.cwd()
    python = Path(sys.executable)
    return str(python.relative_to(here) if python.is_relative_to(here) else python)
