"""What a resource is in the account, so that a refresh finds what other hands have changed."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jmespath
import yaml
from botocore.exceptions import ClientError

from stackkit.tools.rehearse.account import Call, SimulatedAccount
from stackkit.tools.rehearse.engine.wire import Values

# by the call that creates; of other resources the state is taken for the truth
READS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("reads.yaml").read_text())


def read(account: SimulatedAccount, calls: list[Call], inputs: Values) -> Values | None:
    """The properties that the API answers with, of those in `inputs`; None: it is gone."""
    created = next((c for c in calls if f"{c.service}.{c.operation}" in READS), None)
    if created is None:
        return {}
    how = READS[f"{created.service}.{created.operation}"]
    sources = {"request": created.parameters, "response": created.response}
    parameters = {name: jmespath.search(path, sources) for name, path in how["parameters"].items()}
    try:
        answer = getattr(account.client(created.service), how["method"])(**parameters)
    except ClientError:
        return None
    found = jmespath.search(how["path"], answer)
    return None if found is None else _properties(found, inputs)


def _properties(found: Mapping[str, Any], inputs: Values) -> Values:
    known: Values = {}
    for name, value in inputs.items():
        members = [member for member in found if _means(member, name)]
        if len(members) == 1 and isinstance(value, str | int | float | bool):
            known[name] = found[members[0]]
    if "Actions" in found:
        known["actions"] = _weighted(inputs["actions"], found["Actions"])
    return known


def _weighted(actions: list[Values], found: list[Values]) -> list[Values]:
    """A listener rule's actions with the weights that its target groups have now."""
    now = found[0]["ForwardConfig"]["TargetGroups"]
    groups = [
        {**group, "weight": other["Weight"]}
        for group, other in zip(actions[0]["forward"]["targetGroups"], now, strict=True)
    ]
    return [{**actions[0], "forward": {**actions[0]["forward"], "targetGroups": groups}}]


def as_found(calls: list[Call], drifted: Values) -> list[Call]:
    """The calls as if they had made what was found, so that an update sends what differs."""
    return [
        replace(
            call,
            parameters={
                member: next((v for n, v in drifted.items() if _means(member, n)), value)
                for member, value in call.parameters.items()
            },
        )
        for call in calls
    ]


def _means(member: str, name: str) -> bool:
    """True for DBInstanceClass and instanceClass: a member's name ends as the property's does."""
    return member.lower().endswith(name.lower())
