"""A shell where the service runs, and psql on its database: by Session Manager, no port is open."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from stackkit.resources.container import NAME
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.stack import Stack

SHELL = "/bin/sh"
_FORWARDING = "AWS-StartPortForwardingSessionToRemoteHost"
# what the plugin says once the local port is open
_OPEN = "Waiting for connections"
_AWS = "https://docs.aws.amazon.com/"
_INSTALL = {
    "aws": f"{_AWS}cli/latest/userguide/getting-started-install.html",
    "session-manager-plugin": f"{_AWS}systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
    "psql": "https://www.postgresql.org/download/",
}
# Session Manager's name of a task or an instance, and the arguments of aws that open a shell there
Target = tuple[str, Sequence[str]]


def shell(stack: Stack) -> int:
    """Its exit code."""
    _, command = _target(stack, stack.deployed(), "aws", "session-manager-plugin")
    return _attended(["aws", *command, "--region", stack.account.region])


def psql(stack: Stack) -> int:
    """Its exit code. The caller must be allowed to read the password."""
    made = stack.deployed()
    target, _ = _target(stack, made, *_INSTALL)
    url, password = _login(stack.account, made)
    login = urlsplit(url)
    with _forwarded(stack.account, target, f"{login.hostname}", f"{login.port}") as port:
        local = login._replace(netloc=f"{login.username}@127.0.0.1:{port}").geturl()
        return _attended(["psql", local], PGPASSWORD=password)


def _target(stack: Stack, made: Outputs, *needed: str) -> Target:
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        lines = (f"{name} is not installed: {_INSTALL[name]} says how." for name in missing)
        raise ConfigError("\n".join(lines))
    if not made.service:
        return _instance(stack.account, made)
    if not stack.settings.exec:
        raise ConfigError("exec is false, tasks take no shell: set it to true and `make deploy`.")
    return _task(stack.account, made)


def _task(account: Account, made: Outputs) -> Target:
    ecs = account.client("ecs")
    listed = ecs.list_tasks(cluster=made.cluster, serviceName=made.service)["taskArns"]
    tasks = ecs.describe_tasks(cluster=made.cluster, tasks=listed)["tasks"] if listed else []
    for task in tasks:
        [app] = [each for each in task["containers"] if each["name"] == NAME]
        if "RUNNING" in [agent.get("lastStatus") for agent in app.get("managedAgents", ())]:
            number = task["taskArn"].rpartition("/")[2]
            command = f"ecs execute-command --cluster {made.cluster} --task {number}"
            command += f" --container {NAME} --interactive --command {SHELL}"
            return f"ecs:{made.cluster}_{number}_{app['runtimeId']}", command.split()
    raise ConfigError(
        f"None of {len(tasks)} running tasks takes a shell: one that started before exec was true"
        " never does, and a new one needs a minute."
    )


def _instance(account: Account, made: Outputs) -> Target:
    groups = account.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[made.group]
    )["AutoScalingGroups"]
    for instance in groups[0]["Instances"]:
        if instance["LifecycleState"] == "InService":
            number = instance["InstanceId"]
            inside = {"command": [f"sudo docker exec -it {NAME} {SHELL}"]}
            return number, _start(number, "AWS-StartInteractiveCommand", inside)
    raise ConfigError("No instance of the group is in service.")


def _start(target: str, document: str, parameters: Mapping[str, Sequence[str]]) -> list[str]:
    start = f"ssm start-session --target {target} --document-name {document} --parameters"
    return [*start.split(), json.dumps(parameters)]


def _login(account: Account, made: Outputs) -> tuple[str, str]:
    """URL and password of the database, as the service's tasks are told them."""
    definition = account.client("ecs").describe_task_definition(
        taskDefinition=made.task["definition"]
    )["taskDefinition"]["containerDefinitions"][0]
    variables = {each["name"]: each["value"] for each in definition["environment"]}
    secrets = {each["name"]: each["valueFrom"] for each in definition["secrets"]}
    # RDS keeps JSON, of which ECS takes one key
    *arn, key, _, _ = secrets["DATABASE_PASSWORD"].split(":")
    secret = account.client("secretsmanager").get_secret_value(SecretId=":".join(arn))
    return variables["DATABASE_URL"], json.loads(secret["SecretString"])[key]


@contextmanager
def _forwarded(account: Account, target: str, host: str, port: str) -> Iterator[int]:
    """A port of this machine that leads to the host, as the target reaches it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = probe.getsockname()[1]
    ends = {"host": [host], "portNumber": [port], "localPortNumber": [str(local)]}
    with subprocess.Popen(
        ["aws", *_start(target, _FORWARDING, ends), "--region", account.region],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Ctrl-C in psql is not for it
        start_new_session=True,
    ) as process:
        told: list[str] = []
        for line in process.stdout or ():
            if _OPEN in line:
                break
            told.append(line.rstrip())
        else:
            raise DeployError("The way to the database could not be opened.", told)
        try:
            yield local
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _attended(command: Sequence[str], **variables: str) -> int:
    """Hand the terminal over: Ctrl-C is for the command, which answers it by itself."""
    # a handler, because a command would inherit that a signal is ignored
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, env=os.environ | variables, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
