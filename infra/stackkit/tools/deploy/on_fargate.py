"""A version's way into an ECS service."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from stackkit.resources.container import NAME
from stackkit.tools.deploy import log
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.errors import failure
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.poll_policy import ROLLOUT
from stackkit.tools.deploy.task import short, why_stopped

EVENTS = 8
TASKS = 3
_UNDER_WAY = ("PENDING", "IN_PROGRESS")  # of a canary deployment


class OnFargate:
    def __init__(self, account: Account, outputs: Outputs) -> None:
        self._account = account
        self._outputs = outputs
        self._ecs = account.client("ecs")

    def wait(self) -> None:
        """Until the new version runs everywhere; `DeployError` if it was taken back or is stuck."""
        ours = self._ours()
        print(f"deploy: waiting for deployment {ours}", flush=True)
        deployment: Mapping[str, Any] = {}
        for _ in ROLLOUT.attempts():
            deployment = self._deployment(ours)
            if deployment["rolloutState"] == "COMPLETED":
                return
        counts = f"{deployment['runningCount']} of {deployment['desiredCount']} tasks run"
        minutes = round(ROLLOUT.seconds / 60)
        self._fail(f"Deployment {ours} is not complete after {minutes} minutes: {counts}.")

    def evidence(self) -> list[str]:
        events = self._service()["events"][:EVENTS]
        told = [f"event {log.clock(event['createdAt'])}: {event['message']}" for event in events]
        return told + self._stopped()

    def _ours(self) -> str:
        """The id of the deployment that runs what `pulumi up` has registered."""
        deployments = self._service()["deployments"]
        wanted = self._outputs.task_definition
        ours = [d["id"] for d in deployments if d["taskDefinition"] == wanted]
        if not ours:
            [primary] = [d for d in deployments if d["status"] == "PRIMARY"]
            self._fail(
                f"The deployment was rolled back: {primary['id']} is the primary one and runs"
                f" {short(primary['taskDefinition'])}, not {short(wanted)}."
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
        told = [why_stopped(task) for task in tasks]
        for task in tasks:
            stream = f"{NAME}/{NAME}/{short(task['taskArn'])}"
            told += log.tail(self._account, self._outputs.log_group, stream)
        return told

    def _fail(self, sentence: str) -> NoReturn:
        raise failure(sentence, self.evidence())


class OnCanary(OnFargate):
    """By a share of the requests first."""

    def wait(self) -> None:
        """Until ECS has shifted all requests, waited, and ended the old tasks."""
        newest: Mapping[str, Any] = {}
        for _ in ROLLOUT.attempts():
            newest = self._newest()
            if newest["status"] == "SUCCESSFUL":
                # fails if that was a deployment of another version
                self._ours()
                return
            if newest["status"] not in _UNDER_WAY:
                self._fail(f"The canary deployment was rolled back: {_told(newest)}")
        minutes = round(ROLLOUT.seconds / 60)
        self._fail(f"The canary deployment has no end after {minutes} minutes: {_told(newest)}")

    def evidence(self) -> list[str]:
        return [f"canary deployment: {_told(self._newest())}", *super().evidence()]

    def _newest(self) -> Mapping[str, Any]:
        """The newest deployment of the service; ECS keeps those of 90 days."""
        found = self._ecs.list_service_deployments(
            cluster=self._outputs.cluster, service=self._outputs.service
        )["serviceDeployments"]
        return max(found, key=lambda one: one["createdAt"])


def _told(deployment: Mapping[str, Any]) -> str:
    return f"{deployment['status']}: {deployment.get('statusReason', 'ECS gives no reason.')}"
