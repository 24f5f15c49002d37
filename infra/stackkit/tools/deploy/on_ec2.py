"""A version's way onto a group of instances: the refresh that replaces them."""

from typing import NoReturn

from stackkit.tools.deploy import log
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.errors import failure
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.poll_policy import ROLLOUT

ACTIVITIES = 5
_REFRESHING = ("Pending", "InProgress", "Baking", "Successful")


class OnEc2:
    def __init__(self, account: Account, outputs: Outputs) -> None:
        self._account = account
        self._outputs = outputs
        self._autoscaling = account.client("autoscaling")

    def wait(self) -> None:
        """Until the new version runs everywhere; `DeployError` if it was taken back or is stuck."""
        print(f"deploy: waiting for template version {self._outputs.template_version}", flush=True)
        old: list[str] = []
        for _ in ROLLOUT.attempts():
            self._check_refresh()
            old = self._old()
            if not old:
                return
        minutes = round(ROLLOUT.seconds / 60)
        self._fail(f"After {minutes} minutes {len(old)} instances still run the old version.")

    def evidence(self) -> list[str]:
        found = self._autoscaling.describe_scaling_activities(
            AutoScalingGroupName=self._outputs.group, MaxRecords=ACTIVITIES
        )
        told = [
            f"activity {log.clock(a['StartTime'])}: {a['Description']} {a.get('StatusMessage', '')}"
            for a in found["Activities"]
        ]
        return told + log.newest(self._account, self._outputs.log_group)

    def _check_refresh(self) -> None:
        """The newest refresh is ours, if there is one: `pulumi up` has started it."""
        refreshes = self._autoscaling.describe_instance_refreshes(
            AutoScalingGroupName=self._outputs.group, MaxRecords=1
        )["InstanceRefreshes"]
        if refreshes and refreshes[0]["Status"] not in _REFRESHING and self._old():
            newest = refreshes[0]
            reason = newest.get("StatusReason", "AWS gives no reason.")
            self._fail(
                f"Instance refresh {newest['InstanceRefreshId']} is {newest['Status']}: {reason}"
            )

    def _old(self) -> list[str]:
        """Instances in service that don't have our version of the launch template."""
        wanted = self._outputs.template_version
        groups = self._autoscaling.describe_auto_scaling_groups(
            AutoScalingGroupNames=[self._outputs.group]
        )["AutoScalingGroups"]
        return [
            instance["InstanceId"]
            for instance in groups[0]["Instances"]
            if instance["LifecycleState"] in ("InService", "Pending")
            and instance["LaunchTemplate"]["Version"] != wanted
        ]

    def _fail(self, sentence: str) -> NoReturn:
        raise failure(sentence, self.evidence())
