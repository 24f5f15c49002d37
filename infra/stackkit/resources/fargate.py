from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stackkit.resources.canary import TIMEOUT, Canary
from stackkit.resources.container import NAME, Container
from stackkit.resources.exec import VOLUMES
from stackkit.resources.standalone_task import StandaloneTask
from stackkit.resources.task import container_definitions, task_definition

# a task that starts at once while the ALB still counts its first health checks
GRACE_S = 60


@dataclass(frozen=True, kw_only=True)
class FargateArgs:
    region: str
    container: Container
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_id: pulumi.Input[str]
    public_addresses: bool
    target_group_arn: pulumi.Input[str]
    listeners: Sequence[pulumi.Resource]
    # None: tasks are replaced one after the other
    canary: Canary | None
    # a deployment during which one of them fires is rolled back
    alarm_names: Sequence[pulumi.Input[str]]
    desired_tasks: int
    spot_percent: int
    # its tasks take a shell
    exec: bool
    # has the cluster, the log and the roles
    standalone: StandaloneTask
    # the service is touched once it has run
    migration: pulumi.Resource


class Fargate(pulumi.ComponentResource):
    """The service as tasks without servers."""

    service: aws.ecs.Service

    def __init__(
        self, name: str, args: FargateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:compute:Fargate", name, None, opts)
        self._prefix = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._capacity = self._capacity_providers()
        self.service = self._service()
        self.register_outputs({"service": self.service.name})

    def _capacity_providers(self) -> pulumi.Resource:
        return aws.ecs.ClusterCapacityProviders(
            self._prefix,
            cluster_name=self._args.standalone.cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=self._child,
        )

    def _task_definition(self) -> aws.ecs.TaskDefinition:
        args, container, standalone = self._args, self._args.container, self._args.standalone
        volumes = VOLUMES if args.exec else {}
        return task_definition(
            self._prefix,
            container,
            (standalone.execution_role, standalone.task_role),
            container_definitions(container, standalone.log_group.name, args.region, volumes),
            self._child,
            (container.cpu_units, container.memory_mib),
            volumes,
        )

    def _service(self) -> aws.ecs.Service:
        args, canary = self._args, self._args.canary
        return aws.ecs.Service(
            self._prefix,
            cluster=args.standalone.cluster.arn,
            task_definition=self._task_definition().arn,
            desired_count=args.desired_tasks,
            capacity_provider_strategies=_providers(args.spot_percent),
            # else another strategy replaces the service
            force_new_deployment=True,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_configuration=canary.deployment if canary else None,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(
                enable=True, rollback=True
            ),
            alarms=aws.ecs.ServiceAlarmsArgs(
                alarm_names=args.alarm_names, enable=True, rollback=True
            ),
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=args.exec or None,
            health_check_grace_period_seconds=GRACE_S,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids,
                security_groups=[args.security_group_id],
                assign_public_ip=args.public_addresses,
            ),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group_arn,
                    container_name=NAME,
                    container_port=args.container.port,
                    advanced_configuration=canary.balancing if canary else None,
                )
            ],
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # `pulumi up` fails when the deployment does
            wait_for_steady_state=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *args.listeners,
                    *(canary.ready if canary else ()),
                    *args.standalone.permissions,
                    self._capacity,
                    args.migration,
                ],
                # the scaling policies own it
                ignore_changes=["desired_count"],
                custom_timeouts=pulumi.CustomTimeouts(create=TIMEOUT, update=TIMEOUT)
                if canary
                else None,
            ),
        )


def _providers(spot_percent: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    shares = {"FARGATE": 100 - spot_percent, "FARGATE_SPOT": spot_percent}
    return [
        aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=share)
        for provider, share in shares.items()
        if share
    ]
