"""A rehearsal's calls as a CloudFormation template, which graders can read."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from cloudformation_rows import OUTSIDE, PARTS, ROWS
from cloudformation_shapes import Properties
from harness import REGION
from stackkit.tools.rehearse.account import Call

# id, name or ARN → what a template has in its place
References = Mapping[str, Mapping[str, Any]]


def template(calls: Sequence[Call]) -> dict[str, Any]:
    """Every call makes a resource, belongs into another's, only reads, or is OUTSIDE."""
    made: dict[str, dict[str, Any]] = {}
    references: dict[str, Mapping[str, Any]] = {}
    for call in calls:
        key = (call.service, call.operation)
        if key in ROWS:
            row = ROWS[key]
            name = logical_id(row.type, call.name)
            assert name not in made, name
            properties = fitted(row.type, row.renamed(row.shape(dict(call.parameters))))
            made[name] = {"Type": row.type, "Properties": properties}
            # a replica is told its source's secret: the first to have something keeps it
            references = dict(_given(row.gives, call, calls, name)) | references
        elif key in PARTS:
            part = PARTS[key]
            owner = made[_owner(references[call.parameters[part.owner]])]
            own = {name: v for name, v in call.parameters.items() if name != part.owner}
            _merge(owner["Properties"], fitted(owner["Type"], part.shape(own)))
        else:
            assert key in OUTSIDE or call.operation.startswith("Describe"), key
    for name, body in made.items():
        body["Properties"] = _linked(body["Properties"], references, name)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


def logical_id(kind: str, name: str) -> str:
    return kind.rpartition(":")[2] + re.sub("[^a-zA-Z0-9]", "", name.title())


def _given(
    gives: Mapping[str, str], call: Call, calls: Sequence[Call], name: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the resource is known by, as any of its calls was told."""
    own = [call, *(c for c in calls if (c.type, c.name) == (call.type, call.name))]
    told = [call.parameters, *(each.response for each in own)]
    for key, attribute in gives.items():
        for value in list(_values(told, key))[:1]:
            yield value, {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}


def _values(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get(key), str):
            yield value[key]
        for entry in value.values():
            yield from _values(entry, key)
    elif isinstance(value, list):
        for entry in value:
            yield from _values(entry, key)


def _owner(reference: Mapping[str, Any]) -> str:
    return reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]


def _merge(properties: Properties, more: Properties) -> None:
    for name, value in more.items():
        if isinstance(value, list) and name in properties:
            properties[name] += value
        else:
            properties[name] = value


def _linked(value: Any, references: References, own: str) -> Any:
    """References in the place of another resource's ids."""
    if isinstance(value, Mapping):
        return {name: _linked(entry, references, own) for name, entry in value.items()}
    if isinstance(value, list):
        return [_linked(entry, references, own) for entry in value]
    found = references.get(value) if isinstance(value, str) else None
    return found if found and _owner(found) != own else value


def fitted(kind: str, properties: Properties) -> Properties:
    """Spelled and typed as CloudFormation's schema of the type wants it."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return _fit(schema, schema, properties, kind)


def _fit(schema: Any, root: Any, value: Any, where: str) -> Any:
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    wanted = schema.get("type", ())
    if isinstance(value, Mapping) and "properties" in schema:
        return _structure(schema, root, value, where)
    if isinstance(value, list):
        return [_fit(schema.get("items", {}), root, entry, where) for entry in value]
    if isinstance(value, str) and "object" in wanted:
        return json.loads(value)
    if isinstance(value, int) and not isinstance(value, bool) and wanted == "string":
        return str(value)
    return value


def _structure(schema: Any, root: Any, value: Mapping[str, Any], where: str) -> Properties:
    members = {name.lower(): name for name in schema["properties"]}
    unknown = [name for name in value if name.lower() not in members]
    assert not unknown, f"{where} has no {unknown}"
    names = {name: members[name.lower()] for name in value}
    return {
        names[name]: _fit(schema["properties"][names[name]], root, entry, f"{where}.{name}")
        for name, entry in value.items()
    }
