"""Changes a resource: repeats the calls that made it, and sends only what differs."""

from collections.abc import Mapping
from typing import Any

from stackkit.tools.rehearse.account import Call, SimulatedAccount
from stackkit.tools.rehearse.engine.undo import first, lock_token, undo
from stackkit.tools.rehearse.map_to_api import MappingError

# creates → changes, where the API's names aren't CreateX and ModifyX or UpdateX
_CHANGES = {
    "acm.RequestCertificate": "UpdateCertificateOptions",
    "cloudwatch.PutMetricAlarm": "PutMetricAlarm",
    "kms.CreateKey": "PutKeyPolicy",
    "ec2.CreateLaunchTemplate": "CreateLaunchTemplateVersion",
    "rds.CreateDBInstanceReadReplica": "ModifyDBInstance",
    "application-autoscaling.RegisterScalableTarget": "RegisterScalableTarget",
}
# what these verbs say holds from then on, whatever was said before
_SETTING = ("Put", "Modify", "Set", "Enable", "Update", "Start", "Rotate")
_READING = ("Describe", "Get", "List")
# members that name the same thing differently in a change: the request's → the change's
_RENAMED = {"serviceName": "service", "clusterName": "cluster", "Name": "Id"}
# an update of these says all that holds from then on
_WHOLE = ("wafv2", "scheduler")
# said in each change: what names the resource, and what moto forgets otherwise
_REPEATED = ("cluster", "LaunchTemplateName", "MixedInstancesPolicy")
_TAGS = ("Tags", "tags", "TagSpecifications")


class Changing:
    """An account as one resource sees it while it changes; calls as in the same order as before."""

    def __init__(self, account: SimulatedAccount, before: list[Call]) -> None:
        self._account = account
        self._left = list(before)
        self.region = account.region
        self.known = account.known
        self.calls: list[Call] = []
        self.client = account.client
        self.invented_arn = account.invented_arn

    def call(
        self, name: str, kind: str, service: str, operation: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        before = self._before(service, operation)
        if before is None or operation.startswith(_READING):
            answer = self._account.call(name, kind, service, operation, parameters)
        elif before.parameters == parameters:
            answer = dict(before.response)
        else:
            answer = self._change(before, parameters)
        self.calls.append(Call(name, kind, service, operation, parameters, answer))
        return answer

    def finish(self) -> list[Call]:
        """Take back what isn't asked for any more; the calls that the resource now consists of."""
        for call in reversed(self._left):
            undo(self._account, call)
        return self.calls

    def _before(self, service: str, operation: str) -> Call | None:
        found = [c for c in self._left if (c.service, c.operation) == (service, operation)]
        if not found:
            return None
        self._left.remove(found[0])
        return found[0]

    def _change(self, before: Call, parameters: dict[str, Any]) -> dict[str, Any]:
        operation = self._operation(before)
        if operation is None:
            undo(self._account, before)
            operation = before.operation
        elif operation != before.operation:
            parameters = self._differing(before, operation, parameters)
        answer = self._account.call(before.name, before.type, before.service, operation, parameters)
        if operation == "CreateLaunchTemplateVersion":
            number = answer["LaunchTemplateVersion"]["VersionNumber"]
            template = before.response["LaunchTemplate"] | {"LatestVersionNumber": number}
            answer = {"LaunchTemplate": template}
        return {**before.response, **answer}

    def _operation(self, before: Call) -> str | None:
        """The operation that changes; None if the API only takes back and makes anew."""
        key = f"{before.service}.{before.operation}"
        if key in _CHANGES:
            return _CHANGES[key]
        if before.operation.startswith(_SETTING):
            return before.operation
        known = self.client(before.service).meta.service_model.operation_names
        subject = before.operation.removeprefix("Create")
        if subject != before.operation:
            for verb in ("Modify", "Update"):
                if verb + subject in known:
                    return verb + subject
        return None

    def _differing(
        self, before: Call, operation: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Of the new parameters, those that differ and those that name the resource."""
        model = self.client(before.service).meta.service_model.operation_model(operation)
        members = model.input_shape.members
        sent: dict[str, Any] = {}
        for name, value in parameters.items():
            same = value == before.parameters.get(name)
            if name in _TAGS or (same and name not in _REPEATED and before.service not in _WHOLE):
                continue
            if name not in members:
                raise MappingError(f"{before.service} {operation} can't change {name}")
            sent[name] = value
        gone = before.parameters.keys() - parameters.keys() - set(_TAGS)
        if gone:
            raise MappingError(
                f"{before.service} {operation} can't take away {', '.join(sorted(gone))}"
            )
        sources = {"request": before.parameters, "response": before.response}
        for name in model.input_shape.required_members:
            if name == "LockToken":
                sent[name] = lock_token(self._account, before)
            elif name not in sent:
                others = [old for old, new in _RENAMED.items() if new == name]
                sent[name] = first(sources, name, *others)
        return sent
