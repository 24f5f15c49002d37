import pulumi
import pulumi_aws as aws

from stackkit.resources.canary import DEPLOYMENT, TIMEOUT
from stackkit.resources.component import Component
from stackkit.resources.container import NAME
from stackkit.resources.exec import VOLUMES
from stackkit.resources.placement import Placement
from stackkit.resources.task import container_definitions, task_definition
from stackkit.settings.config import CONTAINER_PORT

# a task that starts at once while the ALB still counts its first health checks
GRACE_S = 60


class Fargate(Component):
    """The service as tasks without servers."""

    service: aws.ecs.Service

    def __init__(self, name: str, args: Placement) -> None:
        super().__init__("service:compute:Fargate", name)
        self._args = args
        self._capacity = aws.ecs.ClusterCapacityProviders(
            name,
            cluster_name=args.standalone.cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=self._child,
        )
        self.service = self._service()
        self.register_outputs({"service": self.service.name})

    def _task_definition(self) -> aws.ecs.TaskDefinition:
        args, container, standalone = self._args, self._args.container, self._args.standalone
        volumes = VOLUMES if args.settings.exec else {}
        return task_definition(
            self._prefix,
            container,
            (standalone.execution_role, standalone.task_role),
            container_definitions(container, standalone.log_group.name, args.region, volumes),
            self._child,
            (args.settings.vcpu_units, args.settings.memory_mib),
            volumes,
        )

    def _service(self) -> aws.ecs.Service:
        args, settings, canary = self._args, self._args.settings, self._args.edge.canary
        balancing: aws.ecs.ServiceLoadBalancerArgsDict = {
            "target_group_arn": args.edge.target_groups[0].arn,
            "container_name": NAME,
            "container_port": CONTAINER_PORT,
        }
        if canary:
            balancing["advanced_configuration"] = canary.balancing
        return aws.ecs.Service(
            self._prefix,
            cluster=args.standalone.cluster.arn,
            task_definition=self._task_definition().arn,
            desired_count=args.numbers.fleet.minimum.value,
            capacity_provider_strategies=_providers(settings.spot_percent),
            # else another strategy replaces the service
            force_new_deployment=True,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_configuration=DEPLOYMENT if canary else None,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms={"alarm_names": args.alarm_names, "enable": True, "rollback": True},
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=settings.exec or None,
            health_check_grace_period_seconds=GRACE_S,
            network_configuration={
                "subnets": args.subnet_ids,
                "security_groups": [args.security_group_id],
                "assign_public_ip": not settings.nat,
            },
            load_balancers=[balancing],
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # `pulumi up` fails when the deployment does
            wait_for_steady_state=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *args.edge.listeners,
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


def _providers(spot_percent: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgsDict]:
    shares = {"FARGATE": 100 - spot_percent, "FARGATE_SPOT": spot_percent}
    return [
        {"capacity_provider": provider, "weight": share}
        for provider, share in shares.items()
        if share
    ]
