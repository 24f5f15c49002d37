from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.container import NAME, Container, start_permissions
from stackkit.resources.policies import assumed_by, document
from stackkit.resources.task import container_definitions

ARCHITECTURES = {"arm64": "ARM64", "x86_64": "X86_64"}
# a task that starts at once while the ALB still counts its first health checks
GRACE_S = 60


@dataclass(frozen=True, kw_only=True)
class FargateArgs:
    region: str
    container: Container
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    listeners: Sequence[pulumi.Resource]
    # a deployment during which one of them fires is rolled back
    alarm_names: Sequence[pulumi.Input[str]]
    tasks: int
    # False lets tasks fail for as long as the database has no tables
    guarded: bool
    spot_percent: int
    log_days: int


class Fargate(pulumi.ComponentResource):
    """The service as tasks without servers."""

    cluster: aws.ecs.Cluster
    service: aws.ecs.Service
    log_group: aws.cloudwatch.LogGroup

    def __init__(
        self, name: str, args: FargateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:compute:Fargate", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.log_group = aws.cloudwatch.LogGroup(
            name, aws.cloudwatch.LogGroupArgs(retention_in_days=args.log_days), opts=self._child
        )
        self.cluster = self._cluster()
        self._capacity = self._capacity_providers()
        self.service = self._service()
        self.register_outputs({"service": self.service.name})

    def _cluster(self) -> aws.ecs.Cluster:
        insights = aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")
        return aws.ecs.Cluster(
            self._prefix, aws.ecs.ClusterArgs(settings=[insights]), opts=self._child
        )

    def _capacity_providers(self) -> pulumi.Resource:
        return aws.ecs.ClusterCapacityProviders(
            self._prefix,
            aws.ecs.ClusterCapacityProvidersArgs(
                cluster_name=self.cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"]
            ),
            opts=self._child,
        )

    def _role(self, purpose: str) -> aws.iam.Role:
        # only this account's ECS may pose as the service
        account = self.cluster.arn.apply(lambda arn: arn.rpartition(":cluster/")[0] + ":*")
        condition = {"ArnLike": {"aws:SourceArn": account}}
        return aws.iam.Role(
            f"{self._prefix}-{purpose}",
            aws.iam.RoleArgs(assume_role_policy=assumed_by("ecs-tasks.amazonaws.com", condition)),
            opts=self._child,
        )

    def _may_start(self, role: aws.iam.Role) -> pulumi.Resource:
        statements = start_permissions(self._args.container, self.log_group.arn, self._args.region)
        return aws.iam.RolePolicy(
            f"{self._prefix}-execution",
            aws.iam.RolePolicyArgs(role=role.id, policy=document(*statements)),
            opts=self._child,
        )

    def _task_role(self) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        """The service calls no AWS API; the collector sends what it has collected."""
        role = self._role("task")
        permissions = self._args.container.collector.permissions
        if not permissions:
            return role, []
        policy = aws.iam.RolePolicy(
            f"{self._prefix}-task",
            aws.iam.RolePolicyArgs(role=role.id, policy=document(*permissions)),
            opts=self._child,
        )
        return role, [policy]

    def _task_definition(
        self, execution_role: aws.iam.Role, task_role: aws.iam.Role
    ) -> aws.ecs.TaskDefinition:
        container = self._args.container
        return aws.ecs.TaskDefinition(
            self._prefix,
            aws.ecs.TaskDefinitionArgs(
                family=self._prefix,
                requires_compatibilities=["FARGATE"],
                network_mode="awsvpc",
                cpu=str(container.cpu_units),
                memory=str(container.memory_mib),
                runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                    cpu_architecture=ARCHITECTURES[container.architecture],
                    operating_system_family="LINUX",
                ),
                execution_role_arn=execution_role.arn,
                task_role_arn=task_role.arn,
                container_definitions=container_definitions(
                    container, self.log_group.name, self._args.region
                ),
            ),
            opts=self._child,
        )

    def _service(self) -> aws.ecs.Service:
        args = self._args
        role = self._role("execution")
        permissions = self._may_start(role)
        task_role, sending = self._task_role()
        return aws.ecs.Service(
            self._prefix,
            aws.ecs.ServiceArgs(
                cluster=self.cluster.arn,
                task_definition=self._task_definition(role, task_role).arn,
                desired_count=args.tasks,
                capacity_provider_strategies=_providers(args.spot_percent),
                # else another strategy replaces the service
                force_new_deployment=True,
                deployment_minimum_healthy_percent=100,
                deployment_maximum_percent=200,
                deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(
                    enable=args.guarded, rollback=args.guarded
                ),
                alarms=aws.ecs.ServiceAlarmsArgs(
                    alarm_names=args.alarm_names, enable=args.guarded, rollback=args.guarded
                ),
                availability_zone_rebalancing="ENABLED",
                health_check_grace_period_seconds=GRACE_S,
                network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                    subnets=args.subnet_ids,
                    security_groups=[args.security_group_id],
                    assign_public_ip=False,
                ),
                load_balancers=[
                    aws.ecs.ServiceLoadBalancerArgs(
                        target_group_arn=args.target_group_arn,
                        container_name=NAME,
                        container_port=args.container.port,
                    )
                ],
                enable_ecs_managed_tags=True,
                propagate_tags="SERVICE",
                # `pulumi up` fails when the deployment does
                wait_for_steady_state=args.guarded,
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.listeners, permissions, *sending, self._capacity],
                # the scaling policies own it
                ignore_changes=["desired_count"],
            ),
        )


def _providers(spot_percent: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    shares = {"FARGATE": 100 - spot_percent, "FARGATE_SPOT": spot_percent}
    return [
        aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=share)
        for provider, share in shares.items()
        if share
    ]
