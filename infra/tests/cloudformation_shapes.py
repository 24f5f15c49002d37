"""Requests whose members CloudFormation nests or spells differently."""

from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]
Shape = Callable[[Properties], Properties]


def same(found: Properties) -> Properties:
    return found


def tagged(found: Properties) -> Properties:
    [tags] = found.pop("TagSpecifications", None) or [{"Tags": []}]
    return found | {"Tags": tags["Tags"]}


def rule(found: Properties) -> Properties:
    [permission] = found.pop("IpPermissions")
    [other] = permission.pop("UserIdGroupPairs", None) or [{}]
    [snapshot] = permission.pop("IpRanges", None) or [{}]
    return found | permission | {f"Other{name}": value for name, value in other.items()} | snapshot


def record(found: Properties) -> Properties:
    [change] = found.pop("ChangeBatch")["Changes"]
    record = dict(change["ResourceRecordSet"])
    if "ResourceRecords" in record:
        record["ResourceRecords"] = [each["Value"] for each in record["ResourceRecords"]]
    return found | record


def zone(found: Properties) -> Properties:
    return found | {"VPCs": [found.pop("VPC")]}


def group(found: Properties) -> Properties:
    tags = [{k: tag[k] for k in ("Key", "Value", "PropagateAtLaunch")} for tag in found["Tags"]]
    return found | {"VPCZoneIdentifier": found["VPCZoneIdentifier"].split(","), "Tags": tags}


def secret_key(found: Properties) -> Properties:
    key = found.pop("MasterUserSecretKmsKeyId", None)
    return found | ({"MasterUserSecret": {"KmsKeyId": key}} if key else {})


def parameters(name: str, pairs: str) -> Shape:
    return lambda found: {name: {p["ParameterName"]: p["ParameterValue"] for p in found[pairs]}}


def attribute(found: Properties) -> Properties:
    return {name: value["Value"] for name, value in found.items()}


def lifecycle(found: Properties) -> Properties:
    """CloudFormation has what a rule is limited to, and how long, one level up."""
    rules = [dict(rule) for rule in found["LifecycleConfiguration"]["Rules"]]
    for rule in rules:
        rule |= rule.pop("Filter")
        rule["ExpirationInDays"] = rule.pop("Expiration")["Days"]
    return {"LifecycleConfiguration": {"Rules": rules}}


def scheduled(found: Properties) -> Properties:
    of_target = ("ScalableDimension", "ServiceNamespace")
    return {"ScheduledActions": [{k: v for k, v in found.items() if k not in of_target}]}


def encryption(found: Properties) -> Properties:
    rules = [
        {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}
        for rule in found["ServerSideEncryptionConfiguration"]["Rules"]
    ]
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": rules}}
