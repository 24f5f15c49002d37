"""One command as an ECS task: started, followed by its log, and waited for."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from stackkit.resources.container import NAME
from stackkit.resources.task import STANDALONE
from stackkit.tools.deploy import log
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.errors import DeployError, failure
from stackkit.tools.deploy.poll_policy import PollPolicy


class Place(TypedDict):
    """Where a stack starts standalone tasks: its output `task`."""

    cluster: str
    definition: str
    subnets: Sequence[str]
    security_group: str
    public_address: Literal["ENABLED", "DISABLED"]
    log_group: str


def request(place: Place, command: Sequence[str]) -> dict[str, Any]:
    network = {
        "subnets": list(place["subnets"]),
        "securityGroups": [place["security_group"]],
        "assignPublicIp": place["public_address"],
    }
    return {
        "cluster": place["cluster"],
        "taskDefinition": place["definition"],
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": network},
        "overrides": {"containerOverrides": [{"name": NAME, "command": list(command)}]},
        "count": 1,
    }


def run(account: Account, place: Place, command: Sequence[str], patience: PollPolicy) -> int:
    """Show the task's log until it has ended; its exit code."""
    ecs, cluster = account.client("ecs"), place["cluster"]
    task = _start(account, place, command)
    print(f"task {short(task)} runs: {' '.join(command)}", flush=True)
    stream = log.Stream(account, place["log_group"], f"{STANDALONE}/{NAME}/{short(task)}")
    stopped = False
    try:
        for _ in patience.attempts():
            [state] = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
            stream.show()
            if stopped:
                return _exit_code(state)
            # one more round, in which the end of the log arrives
            stopped = state["lastStatus"] == "STOPPED"
    except KeyboardInterrupt:
        ecs.stop_task(cluster=cluster, task=task, reason="interrupted")
        raise
    ecs.stop_task(cluster=cluster, task=task, reason="out of time")
    minutes = round(patience.seconds / 60)
    raise DeployError(f"The task did not end within {minutes} minutes and was stopped.")


def _start(account: Account, place: Place, command: Sequence[str]) -> str:
    answer = account.client("ecs").run_task(**request(place, command))
    if not answer["tasks"]:
        reasons = [f"task: {failure['reason']}" for failure in answer["failures"]]
        raise failure("The task could not be started.", reasons)
    return answer["tasks"][0]["taskArn"]


def _exit_code(task: Mapping[str, Any]) -> int:
    [container] = task["containers"]
    code = container.get("exitCode")
    if code is None:
        raise failure("The task could not run.", [why_stopped(task)])
    return code


def why_stopped(task: Mapping[str, Any]) -> str:
    containers = [
        f"{c['name']} exited with {c['exitCode']}" if "exitCode" in c else c.get("reason", "")
        for c in task["containers"]
    ]
    reasons = [task.get("stoppedReason", ""), *containers]
    return f"task {short(task['taskArn'])}: {'; '.join(filter(None, reasons))}"


def short(arn: str) -> str:
    return arn.rpartition("/")[2]
