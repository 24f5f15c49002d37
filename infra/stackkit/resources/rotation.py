from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources.policies import allow, assumed_by, document

# RDS's own choice would be any hour of every seventh day
ROTATE = "cron(0 4 1 * ? *)"
WINDOW = "1h"
# once when the password has most likely changed, once when it has for certain
RENEW = "cron(10 4,5 1 * ? *)"


@dataclass(frozen=True, kw_only=True)
class RestartAction:
    """The API operation that renews the fleet, such as ecs:UpdateService, on what and how."""

    operation: str
    resource: pulumi.Input[str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RotationArgs:
    secret_arn: pulumi.Input[str]
    restart: RestartAction


class Rotation(pulumi.ComponentResource):
    """A new database password each month, and a fleet that starts afresh with it.

    A task reads its secrets when it starts: after a rotation its open connections live on and new
    ones are refused, until the task is replaced.
    """

    def __init__(
        self, name: str, args: RotationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:data:Rotation", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        restart = args.restart
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=args.secret_arn,
            # not on the day of the first deployment, under the feet of the tasks that start
            rotate_immediately=False,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(
                schedule_expression=ROTATE, duration=WINDOW
            ),
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-rotation",
            assume_role_policy=assumed_by("scheduler.amazonaws.com"),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-rotation",
            role=role.id,
            policy=document(allow([restart.operation], [restart.resource])),
            opts=child,
        )
        aws.scheduler.Schedule(
            f"{name}-rotation",
            description="Restart the service after its database password has changed",
            schedule_expression=RENEW,
            schedule_expression_timezone="UTC",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=_target(restart.operation),
                role_arn=role.arn,
                input=pulumi.Output.json_dumps(restart.parameters),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})


def _target(operation: str) -> str:
    service, _, verb = operation.partition(":")
    return f"arn:aws:scheduler:::aws-sdk:{service}:{verb[0].lower()}{verb[1:]}"
