"""Stands in for resources that could not be made, so that the rest is still rehearsed."""

import re
from typing import Any

from stackkit.tools.rehearse.account import texts

# an id or ARN with this in it belongs to something that could not be made
NOT_CREATED = "unmade"
_PLACEHOLDER = re.compile(f"{NOT_CREATED}<([^>]*)>")


def not_created(kind: str, name: str) -> dict[str, Any]:
    """Outputs of a resource that was not created, so that the program continues."""
    placeholder = f"{NOT_CREATED}<{kind.rpartition(':')[2]} {name}>"
    names = ("id", "arn", "name", "arnSuffix", "dnsName", "zoneId", "address", "endpoint")
    more = ("secretArn", "identifier", "resourceId", "repositoryUrl", "bucket", "userId")
    made: dict[str, Any] = dict.fromkeys((*names, *more), placeholder)
    made["masterUserSecrets"] = [{"secretArn": placeholder}]
    proof = ("domainName", "resourceRecordName", "resourceRecordType", "resourceRecordValue")
    made["domainValidationOptions"] = [dict.fromkeys(proof, placeholder)]
    made["latestVersion"] = 1
    return made


def missing(value: Any) -> str:
    """The name of an unmade resource that a value needs; "" for none."""
    found = filter(None, map(_PLACEHOLDER.search, texts(value)))
    return next((placeholder[1] for placeholder in found), "")


def without_not_created(inputs: dict[str, Any]) -> dict[str, Any]:
    """Lists go on with the entries that exist: two subnets of three still carry a balancer."""
    kept = {}
    for name, value in inputs.items():
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            value = [entry for entry in value if not missing(entry)] or value
        kept[name] = value
    return kept
