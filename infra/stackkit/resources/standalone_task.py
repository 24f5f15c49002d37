"""One command with the service's image, roles and network, as an ECS task of its own.

The same on Fargate and on EC2: a cluster without tasks costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources import exec
from stackkit.resources.component import Component
from stackkit.resources.container import Container, start_permissions
from stackkit.resources.policies import Statement, service_role
from stackkit.resources.task import standalone_definition, task_definition
from stackkit.settings.config import Config


@dataclass(frozen=True, kw_only=True)
class StandaloneTaskArgs:
    settings: Config
    region: str
    container: Container
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]


class StandaloneTask(Component):
    """The cluster, the log and the roles of all tasks, and the definition of a standalone one."""

    cluster: aws.ecs.Cluster
    log_group: aws.cloudwatch.LogGroup
    execution_role: aws.iam.Role
    task_role: aws.iam.Role
    # a task can start once they exist
    permissions: list[pulumi.Resource]
    # what `stackkit.tools.deploy.task` starts one with
    output: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, args: StandaloneTaskArgs) -> None:
        super().__init__("service:compute:StandaloneTask", name)
        self._args = args
        self.log_group = self._log(name)
        sessions = self._log(f"{name}-exec") if args.settings.exec else None
        told = {"cloud_watch_log_group_name": sessions.name} if sessions else {}
        logged: Any = {"logging": "OVERRIDE", "log_configuration": told}
        self.cluster = aws.ecs.Cluster(
            name,
            settings=[{"name": "containerInsights", "value": "enabled"}],
            configuration={"execute_command_configuration": logged} if sessions else None,
            opts=self._child,
        )
        self.permissions = []
        may_start = start_permissions(args.container, self.log_group.arn, args.region)
        self.execution_role = self._role("execution", may_start)
        # the service calls no AWS API; the collector sends what it has collected
        shells = exec.permissions(sessions.arn) if sessions else []
        self.task_role = self._role("task", [*args.container.collector.permissions, *shells])
        definition = self._definition()
        self.output = pulumi.Output.all(
            cluster=self.cluster.name,
            definition=definition.arn,
            subnets=args.subnet_ids,
            security_group=args.security_group_id,
            # reached by the load balancer alone all the same
            public_address="DISABLED" if args.settings.nat else "ENABLED",
            log_group=self.log_group.name,
        )
        self.register_outputs({"definition": definition.arn})

    def _role(self, purpose: str, statements: Sequence[Statement]) -> aws.iam.Role:
        name = f"{self._prefix}-{purpose}"
        # only this account's ECS may pose as the service
        account = self.cluster.arn.apply(lambda arn: arn.rpartition(":cluster/")[0] + ":*")
        condition = {"ArnLike": {"aws:SourceArn": account}}
        service = "ecs-tasks.amazonaws.com"
        role, policies = service_role(name, service, statements, self, condition)
        self.permissions += policies
        return role

    def _log(self, name: str) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            name, retention_in_days=self._args.settings.log_days, opts=self._child
        )

    def _definition(self) -> aws.ecs.TaskDefinition:
        container, region = self._args.container, self._args.region
        return task_definition(
            f"{self._prefix}-task",
            container,
            (self.execution_role, self.task_role),
            standalone_definition(container, self.log_group.name, region),
            # a task of the policy is not started before it may read its secrets
            pulumi.ResourceOptions(parent=self, depends_on=self.permissions),
        )
