"""A version's way onto a group of instances: its migration on one of them, then the refresh."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from stackkit.resources.container import USER
from stackkit.tools.deploy import log
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.capacity import explained
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.poll_policy import MIGRATION, ONLINE, ROLLOUT, PollPolicy

SCRIPT = Path(__file__).parent / "migrate.sh"
ACTIVITIES = 5
_RUNNING = ("Pending", "InProgress", "Delayed")
_REFRESHING = ("Pending", "InProgress", "Baking", "Successful")


class OnEc2:
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
        self._autoscaling = account.client("autoscaling")
        self._ssm = account.client("ssm")

    def migrate(self, image: str) -> None:
        instance = self._reachable()
        print(f"deploy: instance {instance} migrates the database", flush=True)
        command = self._ssm.send_command(
            InstanceIds=[instance],
            DocumentName="AWS-RunShellScript",
            Comment="Migrate the database",
            Parameters={
                "commands": self._commands(image),
                "executionTimeout": [str(round(self._migration.seconds))],
            },
        )["Command"]["CommandId"]
        self._finish(command, instance)

    def wait(self) -> None:
        print(f"deploy: waiting for template version {self._outputs.template_version}", flush=True)
        old: list[str] = []
        for _ in self._rollout.attempts():
            self._check_refresh()
            old = self._old()
            if not old:
                return
        minutes = round(self._rollout.seconds / 60)
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

    def _commands(self, image: str) -> list[str]:
        known = {"image": image, "user": USER}
        region = f"export AWS_DEFAULT_REGION={self._account.region}"
        return [region, *(f"{name}={value}" for name, value in known.items()), SCRIPT.read_text()]

    def _reachable(self) -> str:
        for _ in ONLINE.attempts():
            if online := self._online():
                return online[0]
        self._fail("No instance of the group answers SSM, so nothing can migrate the database.")

    def _online(self) -> list[str]:
        serving = [i["InstanceId"] for i in self._instances() if i["LifecycleState"] == "InService"]
        if not serving:
            return []
        told = self._ssm.describe_instance_information(
            Filters=[{"Key": "InstanceIds", "Values": serving}]
        )["InstanceInformationList"]
        return [entry["InstanceId"] for entry in told if entry["PingStatus"] == "Online"]

    def _finish(self, command: str, instance: str) -> None:
        for _ in self._migration.attempts():
            result = self._result(command, instance)
            if result["Status"] == "Success":
                return
            if result["Status"] not in _RUNNING:
                raise DeployError(
                    "The migration failed; nothing was rolled out.",
                    result["StandardErrorContent"].splitlines()[-log.LINES :],
                )
        self._ssm.cancel_command(CommandId=command)
        raise DeployError(
            f"The migration did not end within {round(self._migration.seconds / 60)} minutes and"
            " was stopped; nothing was rolled out."
        )

    def _result(self, command: str, instance: str) -> Mapping[str, Any]:
        try:
            return self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except self._ssm.exceptions.InvocationDoesNotExist:
            # accepted, and not yet handed to the instance
            return {"Status": "Pending"}

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
        return [
            instance["InstanceId"]
            for instance in self._instances()
            if instance["LifecycleState"] in ("InService", "Pending")
            and instance["LaunchTemplate"]["Version"] != wanted
        ]

    def _instances(self) -> list[Mapping[str, Any]]:
        found = self._autoscaling.describe_auto_scaling_groups(
            AutoScalingGroupNames=[self._outputs.group]
        )
        return found["AutoScalingGroups"][0]["Instances"]

    def _fail(self, sentence: str) -> NoReturn:
        evidence = self.evidence()
        raise DeployError(explained(sentence, evidence), evidence)
