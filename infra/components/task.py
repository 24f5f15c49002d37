from collections.abc import Mapping
from typing import Any

import pulumi

from components.container import NAME, SCRATCH_MIB, USER, Container
from components.edge import HEALTH_PATH


def container_definitions(
    container: Container, log_group: pulumi.Input[str], region: str
) -> pulumi.Output[str]:
    """The task's one container, as ECS reads it."""
    definition = {
        "name": NAME,
        "image": container.image,
        "essential": True,
        "user": USER,
        "portMappings": [{"containerPort": container.port, "protocol": "tcp"}],
        "environment": _pairs(container.environment, "value"),
        "secrets": _pairs(container.secrets, "valueFrom"),
        "stopTimeout": container.stop_timeout_s,
        "healthCheck": _health_check(container.port),
        "logConfiguration": _logs(log_group, region),
        **_confinement(container),
    }
    return pulumi.Output.json_dumps([definition])


def _pairs(values: Mapping[str, pulumi.Input[str]], key: str) -> list[dict[str, Any]]:
    return [{"name": name, key: values[name]} for name in sorted(values)]


def _confinement(container: Container) -> dict[str, Any]:
    files = container.open_files
    return {
        "readonlyRootFilesystem": True,
        "privileged": False,
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [
                {
                    "containerPath": "/tmp",
                    "size": SCRATCH_MIB,
                    "mountOptions": ["nosuid", "nodev", "noexec"],
                }
            ],
        },
        "ulimits": [{"name": "nofile", "softLimit": files, "hardLimit": files}],
        "systemControls": [
            {"namespace": name, "value": value} for name, value in sorted(container.kernel.items())
        ],
    }


def _health_check(port: int) -> dict[str, Any]:
    """Asked inside the task, so that one that hangs is replaced even where no ALB looks."""
    ask = (
        f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}{HEALTH_PATH}', timeout=4)"
    )
    return {
        "command": ["CMD", "python", "-c", ask],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
        "startPeriod": 30,
    }


def _logs(log_group: pulumi.Input[str], region: str) -> dict[str, Any]:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": log_group,
            "awslogs-region": region,
            "awslogs-stream-prefix": NAME,
            # a slow log must not hold up requests; what doesn't fit is dropped
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        },
    }
