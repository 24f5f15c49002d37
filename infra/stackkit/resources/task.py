from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.plan.server import COLLECTOR_MIB
from stackkit.resources import collector
from stackkit.resources.container import ARCHITECTURES, NAME, SCRATCH_MIB, USER, Container
from stackkit.resources.edge import HEALTH_PATH
from stackkit.settings.config import CONTAINER_PORT

# begins the names of log streams
STANDALONE = "task"
# enough for a migration or a backfill
STANDALONE_CPU = 512
STANDALONE_MIB = 1024


def task_definition(
    family: str,
    container: Container,
    roles: tuple[aws.iam.Role, aws.iam.Role],
    definitions: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
    size: tuple[int, int] = (STANDALONE_CPU, STANDALONE_MIB),
    volumes: Iterable[str] = (),
) -> aws.ecs.TaskDefinition:
    """`roles` are those that start the task and that run in it."""
    return aws.ecs.TaskDefinition(
        family,
        family=family,
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(size[0]),
        memory=str(size[1]),
        runtime_platform={
            "cpu_architecture": ARCHITECTURES[container.numbers.config.architecture],
            "operating_system_family": "LINUX",
        },
        execution_role_arn=roles[0].arn,
        task_role_arn=roles[1].arn,
        container_definitions=definitions,
        volumes=[{"name": name} for name in volumes] or None,
        opts=opts,
    )


def container_definitions(
    container: Container, log_group: pulumi.Input[str], region: str, volumes: Mapping[str, str]
) -> pulumi.Output[str]:
    """The service and what runs beside it, as ECS reads them."""
    definition = {
        **_container(container, _logs(log_group, region, NAME)),
        "cpu": container.numbers.config.vcpu_units - collector.CPU_UNITS,
        "portMappings": [{"containerPort": CONTAINER_PORT, "protocol": "tcp"}],
        "healthCheck": _health_check(),
    }
    if volumes:
        definition["mountPoints"] = [
            {"sourceVolume": name, "containerPath": path} for name, path in volumes.items()
        ]
    beside = _collector(container.collector, _logs(log_group, region, collector.NAME))
    return pulumi.Output.json_dumps([definition, beside])


def standalone_definition(
    container: Container, log_group: pulumi.Input[str], region: str
) -> pulumi.Output[str]:
    """The service's container for a command: it serves nothing, and nothing runs beside it."""
    definition = {
        **_container(container, _logs(log_group, region, STANDALONE)),
        "cpu": STANDALONE_CPU,
        "memory": STANDALONE_MIB,
    }
    return pulumi.Output.json_dumps([definition])


def _container(container: Container, logs: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": container.image,
        "essential": True,
        "user": USER,
        "environment": _pairs(container.environment, "value"),
        "secrets": _pairs(container.secrets, "valueFrom"),
        "stopTimeout": container.numbers.timeouts.stop.value,
        "logConfiguration": logs,
        **_confinement(container),
    }


def _collector(beside: collector.Collector, logs: dict[str, Any]) -> dict[str, Any]:
    """The task outlives it, and starts it again; it can't take more than its share."""
    return {
        "name": collector.NAME,
        "image": beside.image,
        "essential": False,
        "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60},
        "user": collector.USER,
        "cpu": collector.CPU_UNITS,
        "memory": COLLECTOR_MIB,
        "environment": [{"name": collector.CONFIGURATION, "value": beside.configuration}],
        "secrets": _pairs(beside.secrets, "valueFrom"),
        "healthCheck": {"command": ["CMD", "/healthcheck"], "startPeriod": 10},
        "logConfiguration": logs,
        "readonlyRootFilesystem": True,
        "privileged": False,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
    }


def _pairs(values: Mapping[str, pulumi.Input[str]], key: str) -> list[dict[str, Any]]:
    return [{"name": name, key: values[name]} for name in sorted(values)]


def _confinement(container: Container) -> dict[str, Any]:
    server = container.numbers.server
    files = server.open_files.value
    options = ["nosuid", "nodev", "noexec"]
    scratch = {"containerPath": "/tmp", "size": SCRATCH_MIB, "mountOptions": options}
    return {
        "readonlyRootFilesystem": True,
        "privileged": False,
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [scratch],
        },
        "ulimits": [{"name": "nofile", "softLimit": files, "hardLimit": files}],
        "systemControls": [
            {"namespace": name, "value": value} for name, value in sorted(server.kernel.items())
        ],
    }


def _health_check() -> dict[str, Any]:
    """Asked inside the task, so that one that hangs is replaced even where no ALB looks."""
    url = f"http://127.0.0.1:{CONTAINER_PORT}{HEALTH_PATH}"
    ask = f"import urllib.request as u; u.urlopen('{url}', timeout=4)"
    return {
        "command": ["CMD", "python", "-c", ask],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
        "startPeriod": 30,
    }


def _logs(log_group: pulumi.Input[str], region: str, name: str) -> dict[str, Any]:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": log_group,
            "awslogs-region": region,
            "awslogs-stream-prefix": name,
            # a slow log must not hold up requests; what doesn't fit is dropped
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        },
    }
