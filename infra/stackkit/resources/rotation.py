from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources.component import Component
from stackkit.resources.policies import allow, service_role

# a window of Secrets Manager's own has an hour, in which nobody knows when: a schedule has a minute
ROTATE = "cron(0 4 1 * ? *)"
# days after the last rotation, if the schedule doesn't rotate; RDS's own choice would be 7
AT_THE_LATEST = 60
# 04:05, 04:30 and 04:55: a rotation takes about a minute, or more if Secrets Manager tries it again
RESTART = "cron(5/25 4 1 * ? *)"


@dataclass(frozen=True, kw_only=True)
class ScheduledAction:
    """An operation of AWS's API, such as ecs:UpdateService, on what and how."""

    operation: str
    resource: pulumi.Input[str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RotationArgs:
    secret_arn: pulumi.Input[str]
    # starts every task afresh
    restart: ScheduledAction


class Rotation(Component):
    """A new database password each month, and a fleet that starts afresh with it.

    A task reads its secrets when it starts: after a rotation its open connections live on and new
    ones are refused, until the task is replaced. So the restart follows within minutes.
    """

    def __init__(self, name: str, args: RotationArgs) -> None:
        super().__init__("service:data:Rotation", name)
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=args.secret_arn,
            # not on the day of the first deployment, under the feet of the tasks that start
            rotate_immediately=False,
            rotation_rules={"automatically_after_days": AT_THE_LATEST},
            opts=self._child,
        )
        rotate = ScheduledAction(
            operation="secretsmanager:RotateSecret",
            resource=args.secret_arn,
            parameters={"SecretId": args.secret_arn},
        )
        self._schedules({"rotation": (ROTATE, rotate), "restart": (RESTART, args.restart)})
        self.register_outputs({})

    def _schedules(self, actions: Mapping[str, tuple[str, ScheduledAction]]) -> None:
        allowed = [allow([action.operation], [action.resource]) for _, action in actions.values()]
        name = f"{self._prefix}-rotation"
        role, policies = service_role(name, "scheduler.amazonaws.com", allowed, self)
        for purpose, (when, action) in actions.items():
            aws.scheduler.Schedule(
                f"{self._prefix}-{purpose}",
                description="Rotate the database password, then restart the service with it",
                schedule_expression=when,
                schedule_expression_timezone="UTC",
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": _target(action.operation),
                    "role_arn": role.arn,
                    "input": pulumi.Output.json_dumps(action.parameters),
                },
                opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
            )


def _target(operation: str) -> str:
    service, _, verb = operation.partition(":")
    return f"arn:aws:scheduler:::aws-sdk:{service}:{verb[0].lower()}{verb[1:]}"
