"""The call that takes back what a call made, by the API's own names.

CreateX is taken back by DeleteX, and so on. The members of DeleteX have the values that the request
or the response of CreateX has under these names: required ones at any depth, others at the top.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jmespath
import yaml

from stackkit.tools.rehearse.account import Call, SimulatedAccount
from stackkit.tools.rehearse.unsupported import lacking

_OPPOSITES = {
    "Create": "Delete",
    "Put": "Delete",
    "Request": "Delete",
    "Attach": "Detach",
    "Associate": "Disassociate",
    "Authorize": "Revoke",
    "Allocate": "Release",
    "Register": "Deregister",
    "Subscribe": "Unsubscribe",
}
# operation → opposite → optional parameters, and those that have other names
_NAMED: Mapping[str, Mapping[str, Mapping[str, str]] | None] = yaml.safe_load(
    Path(__file__).with_name("undo.yaml").read_text()
)


def empty(account: SimulatedAccount, bucket: str) -> None:
    """As the provider does with a bucket that may be destroyed: S3 deletes no full one."""
    s3 = account.client("s3")
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=entry["Key"])


def undo(account: SimulatedAccount, call: Call) -> None:
    if lacking(call.service, call.operation, call.parameters):
        return
    if opposite := _opposite(account, call):
        account.call(call.name, call.type, call.service, *opposite)


def _opposite(account: SimulatedAccount, call: Call) -> tuple[str, dict[str, Any]] | None:
    model = account.client(call.service).meta.service_model
    derived = {
        against + call.operation.removeprefix(verb): {}
        for verb, against in _OPPOSITES.items()
        if call.operation.startswith(verb)
    }
    opposites = _NAMED.get(f"{call.service}.{call.operation}", derived) or {}
    for operation in opposites.keys() & set(model.operation_names):
        shape = model.operation_model(operation).input_shape
        sources = {"request": call.parameters, "response": call.response}
        paths = opposites[operation] or {n: f"request.{n} || response.{n}" for n in shape.members}
        found = {name: jmespath.search(path, sources) for name, path in paths.items()}
        found = {name: value for name, value in found.items() if value is not None}
        for name in shape.required_members:
            if name == "LockToken":
                found[name] = lock_token(account, call)
            elif name not in found:
                found[name] = first(sources, name)
        return operation, found
    return None


def lock_token(account: SimulatedAccount, call: Call) -> str:
    """What a change or deletion of a web ACL has to show."""
    acl = call.response["Summary"]
    read = {"Name": acl["Name"], "Id": acl["Id"], "Scope": call.parameters["Scope"]}
    return account.call(call.name, call.type, "wafv2", "GetWebACL", read)["LockToken"]


def first(sources: Mapping[str, Any], *names: str) -> Any:
    """The value of the first member of one of these names, the outermost first."""
    level: list[Any] = list(sources.values())
    while level:
        for entry in level:
            for name in names:
                if name in entry:
                    return entry[name]
        level = list(_below(level))
    raise LookupError(f"neither request nor response has {names[0]}")


def _below(level: list[Any]) -> Iterator[Any]:
    for entry in level:
        for value in entry.values():
            yield from (
                v for v in (value if isinstance(value, list) else [value]) if isinstance(v, dict)
            )
