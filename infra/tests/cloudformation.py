"""A stack's recorded resources as a CloudFormation template, which graders can read."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloudformation_shapes import Properties, camel
from cloudformation_types import BELONGS, ROWS
from harness import Registration, Run, Secret

# how Pulumi's provider goes about it; a template says it elsewhere, or not at all
DROPPED = (
    "applyImmediately",
    "finalSnapshotIdentifier",
    "forceDelete",
    "forceDestroy",
    "instanceRefresh",
    "recoveryWindowInDays",
    "skipFinalSnapshot",
    "updateDefaultVersion",
    "waitForElbCapacity",
    "waitForSteadyState",
)
OUTSIDE = {
    "awsx:ec2:Vpc": "a component of awsx: its parts are not recorded here",
    "random:index/randomPassword:RandomPassword": "no resource of AWS",
    "aws:acm/certificateValidation:CertificateValidation": "waits, and is no resource of AWS",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "CloudFormation can't adopt it",
    "aws:secretsmanager/secretVersion:SecretVersion": "the value, which no template should hold",
}
# what awsx makes, and this template is given
PLACE = re.compile("(vpc|subnet)-[a-z]")


def template(run: Run) -> dict[str, Any]:
    """Every resource has a row, belongs into another's, or is OUTSIDE for a reason."""
    entries = [entry for entry in run.registrations if entry.type[:8] != "service:"]
    missing = {e.type for e in entries} - ROWS.keys() - BELONGS.keys() - OUTSIDE.keys()
    assert not missing, f"no CloudFormation type for {missing}"
    names = {entry.urn: logical_id(entry) for entry in entries if entry.type in ROWS}
    made: dict[str, Any] = {}
    for entry in entries:
        if entry.type in ROWS:
            row = ROWS[entry.type]
            properties = row.shape(_renamed(entry, row.names, names))
            made[names[entry.urn]] = {"Type": row.type, "Properties": properties}
            if entry.protect:
                retain = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
                made[names[entry.urn]] |= retain
    for entry in entries:
        if entry.type in BELONGS:
            row = BELONGS[entry.type]
            [owner] = [urn for urn in entry.uses[row.owner] if urn in names]
            part = row.shape(_renamed(entry, {row.owner: ""}, names))
            made[names[owner]]["Properties"] |= part
    for body in made.values():
        body["Properties"].pop("_name", None)
    given = {ref for ref in _references(made) if ref not in made}
    parameters = {ref: {"Type": f"AWS::EC2::{_place(ref)}::Id"} for ref in sorted(given)}
    version = "2010-09-09"
    return {"AWSTemplateFormatVersion": version, "Parameters": parameters, "Resources": made}


def _place(reference: str) -> str:
    return "VPC" if reference.startswith("Vpc") else "Subnet"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "Ref":
                yield each
            else:
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def logical_id(entry: Registration) -> str:
    noun = entry.type.rpartition(":")[2]
    return noun + re.sub("[^a-zA-Z0-9]", "", entry.name.title())


def _renamed(entry: Registration, names: Mapping[str, str], ids: Mapping[str, str]) -> Properties:
    """The row's names, CamelCase where it has none; "" leaves a property out."""
    result: Properties = {}
    for key, value in entry.inputs.items():
        name = names.get(key, key[0].upper() + key[1:])
        if name and key not in DROPPED:
            used = [ids[urn] for urn in entry.uses.get(key, ()) if urn in ids]
            result[name] = camel(_linked(value, entry, key, used, ids))
    return result | ({"_name": entry.name})


def _linked(
    value: Any, entry: Registration, key: str, used: list[str], ids: Mapping[str, str]
) -> Any:
    """References in the place of the ids that the pretended AWS gave out."""
    if isinstance(value, Secret):
        # made up, like the whole account
        return _linked(value.value, entry, key, used, ids)
    if isinstance(value, list):
        return [_linked(each, entry, key, used, ids) for each in value]
    if isinstance(value, Mapping):
        return {name: _linked(each, entry, key, used, ids) for name, each in value.items()}
    if not isinstance(value, str):
        return value
    for urn in entry.uses.get(key, ()):
        other = urn.rpartition("::")[2]
        if urn in ids and value in (f"{other}-id", f"{other}-0123456"):
            return {"Ref": ids[urn]}
        if urn in ids and value.startswith("arn:") and value.endswith(f"/{other}"):
            return _arn(urn, ids)
    if PLACE.match(value):
        return {"Ref": re.sub("[^a-zA-Z0-9]", "", value.title())}
    return value


def _arn(urn: str, ids: Mapping[str, str]) -> Any:
    """Where CloudFormation's Ref is the ARN already, it has no attribute of that name."""
    kind = urn.split("::")[2].rpartition("$")[2]
    return {"Ref": ids[urn]} if ROWS[kind].ref_is_arn else {"Fn::GetAtt": [ids[urn], "Arn"]}


def written(run: Run) -> str:
    return json.dumps(template(run), indent=1)
