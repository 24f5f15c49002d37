"""Rollouts: no container runs, so a new version is up and healthy at once."""

from typing import Any

from moto.autoscaling.models import InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.elbv2.models import elbv2_backends

TARGET = "10.0.0.10"


def complete_rollouts() -> None:
    """Let each service and each group run what it was told last."""
    services: Any = EC2ContainerServiceBackend
    create, update = services.create_service, services.update_service
    services.create_service = lambda self, *args, **named: _started(create(self, *args, **named))
    services.update_service = lambda self, *args, **named: _completed(update(self, *args, **named))
    instance: Any = InstanceState
    instance.launch_template = property(_newest)
    responses: Any = AutoScalingResponse
    responses.describe_instance_refreshes = lambda self: ActionResult({"InstanceRefreshes": []})


def _started(service: Service) -> Service:
    balancers = elbv2_backends[service._account_id][service.region_name]
    for entry in service.load_balancers:
        target: Any = {"Id": TARGET, "Port": entry["containerPort"]}
        balancers.register_targets(entry["targetGroupArn"], [target])
    return _completed(service)


def _completed(service: Service) -> Service:
    [deployment] = service.deployments
    deployment |= {"taskDefinition": service.task_definition, "rolloutState": "COMPLETED"}
    return service


def _newest(state: Any) -> dict[str, str]:
    template = state.auto_scaling_group.ec2_launch_template
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": str(template.latest_version_number),
    }
