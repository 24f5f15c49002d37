"""Standalone ECS tasks: no container runs, so each has ended at once."""

import time
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend
from moto.moto_api import state_manager

from stackkit.resources.task import STANDALONE
from stackkit.tools.rehearse.account import SimulatedAccount

# a task whose image has this digest exits with 1
FAILING = "sha256:" + "bad".rjust(64, "0")


def end_tasks(account: SimulatedAccount) -> None:
    """Let tasks end with 0, or with 1 and a line in the log, by their image's digest."""
    state_manager.set_transition("ecs::task", {"progression": "immediate"})
    patched: Any = EC2ContainerServiceBackend
    run_task = patched.run_task

    def run(backend: EC2ContainerServiceBackend, *args: Any, **named: Any) -> Any:
        tasks = run_task(backend, *args, **named)
        for task in tasks:
            for container in task.containers:
                failed = container.image.endswith(FAILING)
                container.exitCode = int(failed)
                if failed:
                    _write(account, task, container.name, backend)
        return tasks

    patched.run_task = run


def _write(
    account: SimulatedAccount, task: Any, container: str, backend: EC2ContainerServiceBackend
) -> None:
    definition = backend.describe_task_definition(task.task_definition_arn)
    [options] = [
        each["logConfiguration"]["options"]
        for each in definition.container_definitions
        if each["name"] == container
    ]
    logs, group = account.client("logs"), options["awslogs-group"]
    stream = f"{STANDALONE}/{container}/{task.id}"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    event = {"timestamp": int(time.time() * 1000), "message": "the migration failed"}
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
