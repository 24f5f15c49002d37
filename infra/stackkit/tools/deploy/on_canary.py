"""A version's way into an ECS service by a share of the requests first."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.deploy.on_fargate import OnFargate

_UNDER_WAY = ("PENDING", "IN_PROGRESS")


class OnCanary(OnFargate):
    def wait(self) -> None:
        """Until ECS has shifted all requests, waited, and ended the old tasks."""
        newest: Mapping[str, Any] = {}
        for _ in self._rollout.attempts():
            newest = self._newest()
            if newest["status"] == "SUCCESSFUL":
                # fails if that was a deployment of another version
                self._ours()
                return
            if newest["status"] not in _UNDER_WAY:
                self._fail(f"The canary deployment was rolled back: {_told(newest)}")
        minutes = round(self._rollout.seconds / 60)
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
