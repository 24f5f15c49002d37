"""A version's way into an ECS service: its migration as one task, then the deployment."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from stackkit.resources.container import NAME
from stackkit.tools.deploy import log
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.capacity import explained
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.poll_policy import MIGRATION, ROLLOUT, PollPolicy

MIGRATE = ["alembic", "upgrade", "head"]
# what describing a task definition answers and registering one takes
_COPIED = (
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
    "volumes",
)
# what only a task that serves has
_SERVING = ("portMappings", "healthCheck", "dependsOn")
EVENTS = 8
TASKS = 3


class OnFargate:
    def __init__(
        self,
        account: Account,
        outputs: Outputs,
        migration: PollPolicy = MIGRATION,
        rollout: PollPolicy = ROLLOUT,
    ) -> None:
        self._account = account
        self._outputs = outputs
        self._migration = migration
        self._rollout = rollout
        self._ecs = account.client("ecs")

    def migrate(self, image: str) -> None:
        definition = self._register(image)
        try:
            task = self._start(definition)
            print(f"deploy: task {_short(task)} migrates the database", flush=True)
            self._finish(task)
        finally:
            self._ecs.deregister_task_definition(taskDefinition=definition)

    def wait(self) -> None:
        ours = self._ours()
        print(f"deploy: waiting for deployment {ours}", flush=True)
        deployment: Mapping[str, Any] = {}
        for _ in self._rollout.attempts():
            deployment = self._deployment(ours)
            if deployment["rolloutState"] == "COMPLETED":
                return
        counts = f"{deployment['runningCount']} of {deployment['desiredCount']} tasks run"
        minutes = round(self._rollout.seconds / 60)
        self._fail(f"Deployment {ours} is not complete after {minutes} minutes: {counts}.")

    def evidence(self) -> list[str]:
        events = self._service()["events"][:EVENTS]
        told = [f"event {log.clock(event['createdAt'])}: {event['message']}" for event in events]
        return told + self._stopped()

    def _register(self, image: str) -> str:
        """The definition that runs, with the new image, as a task of its own."""
        known = self._ecs.describe_task_definition(taskDefinition=self._outputs.task_definition)
        running = known["taskDefinition"]
        [container] = [c for c in running["containerDefinitions"] if c["name"] == NAME]
        migrating = {key: value for key, value in container.items() if key not in _SERVING}
        registered = self._ecs.register_task_definition(
            family=f"{running['family']}-migrate",
            containerDefinitions=[{**migrating, "image": image, "command": MIGRATE}],
            **{key: running[key] for key in _COPIED if running.get(key)},
        )
        return registered["taskDefinition"]["taskDefinitionArn"]

    def _start(self, definition: str) -> str:
        answer = self._ecs.run_task(
            cluster=self._outputs.cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=self._service()["networkConfiguration"],
            count=1,
        )
        if not answer["tasks"]:
            reasons = [f"task: {failure['reason']}" for failure in answer["failures"]]
            sentence = "The migration could not be started; nothing was rolled out."
            raise DeployError(explained(sentence, reasons), reasons)
        return answer["tasks"][0]["taskArn"]

    def _finish(self, task: str) -> None:
        for _ in self._migration.attempts():
            state = self._task(task)
            if state["lastStatus"] == "STOPPED":
                return self._judge(state)
        self._ecs.stop_task(cluster=self._outputs.cluster, task=task, reason="migration is stuck")
        raise DeployError(
            f"The migration did not end within {round(self._migration.seconds / 60)} minutes and"
            " was stopped; nothing was rolled out.",
            self._log(task),
        )

    def _judge(self, task: Mapping[str, Any]) -> None:
        [container] = task["containers"]
        if container.get("exitCode") == 0:
            return
        reasons = [_why_stopped(task), *self._log(task["taskArn"])]
        sentence = "The migration failed; nothing was rolled out."
        raise DeployError(explained(sentence, reasons), reasons)

    def _ours(self) -> str:
        """The id of the deployment that runs what `pulumi up` has registered."""
        deployments = self._service()["deployments"]
        wanted = self._outputs.task_definition
        ours = [d["id"] for d in deployments if d["taskDefinition"] == wanted]
        if not ours:
            [primary] = [d for d in deployments if d["status"] == "PRIMARY"]
            self._fail(
                f"The deployment was rolled back: {primary['id']} is the primary one and runs"
                f" {_short(primary['taskDefinition'])}, not {_short(wanted)}."
            )
        return ours[0]

    def _deployment(self, ours: str) -> Mapping[str, Any]:
        deployments = {d["id"]: d for d in self._service()["deployments"]}
        [primary] = [d for d in deployments.values() if d["status"] == "PRIMARY"]
        deployment = deployments.get(ours)
        if deployment and deployment["rolloutState"] == "FAILED":
            self._fail(f"Deployment {ours} failed: {deployment['rolloutStateReason']}")
        if deployment is None or primary["id"] != ours:
            self._fail(f"Deployment {ours} was replaced by {primary['id']}.")
        return deployment

    def _service(self) -> Mapping[str, Any]:
        found = self._ecs.describe_services(
            cluster=self._outputs.cluster, services=[self._outputs.service]
        )
        return found["services"][0]

    def _task(self, task: str) -> Mapping[str, Any]:
        found = self._ecs.describe_tasks(cluster=self._outputs.cluster, tasks=[task])
        return found["tasks"][0]

    def _stopped(self) -> list[str]:
        listed = self._ecs.list_tasks(
            cluster=self._outputs.cluster,
            serviceName=self._outputs.service,
            desiredStatus="STOPPED",
            maxResults=TASKS,
        )["taskArns"]
        if not listed:
            return log.newest(self._account, self._outputs.log_group)
        tasks: Sequence[Mapping[str, Any]] = self._ecs.describe_tasks(
            cluster=self._outputs.cluster, tasks=listed
        )["tasks"]
        reasons = [_why_stopped(task) for task in tasks]
        return [*reasons, *(line for task in tasks for line in self._log(task["taskArn"]))]

    def _log(self, task: str) -> list[str]:
        stream = f"{NAME}/{NAME}/{_short(task)}"
        return log.tail(self._account, self._outputs.log_group, stream)

    def _fail(self, sentence: str) -> NoReturn:
        evidence = self.evidence()
        raise DeployError(explained(sentence, evidence), evidence)


def _why_stopped(task: Mapping[str, Any]) -> str:
    containers = [
        f"{c['name']} exited with {c['exitCode']}" if "exitCode" in c else c.get("reason", "")
        for c in task["containers"]
    ]
    reasons = [task.get("stoppedReason", ""), *containers]
    return f"task {_short(task['taskArn'])}: {'; '.join(filter(None, reasons))}"


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
