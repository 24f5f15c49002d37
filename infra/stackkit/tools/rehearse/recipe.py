"""Makes a resource as `resources.yaml` says: its inputs become the parameters of API calls."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jmespath
import yaml
from jmespath import functions

from stackkit.tools.rehearse.map_to_api import MappingError
from stackkit.tools.rehearse.resource_creator import Create, Outputs, ResourceCreator
from stackkit.tools.rehearse.special import SPECIAL

Recipe = Mapping[str, Any]
_INPUT = re.compile(r"input\.(\w+)(?:\.(\w+))?")


class _Functions(functions.Functions):
    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, separator: str, text: str) -> list[str]:
        return text.split(separator)

    @functions.signature({"types": ["string"]}, {"types": ["number"]})
    def _func_numbered(self, name: str, count: int) -> list[str]:
        """The nodes of a cache, as AWS names them."""
        return [f"{name}-{number:03}" for number in range(1, count + 1)]


_OPTIONS = jmespath.Options(custom_functions=_Functions())


def create(creator: ResourceCreator) -> Outputs:
    """Make a resource of any known type; inputs that reached no API are an error."""
    if creator.type not in CREATORS:
        raise MappingError("the rehearsal knows no resource of this type")
    outputs = CREATORS[creator.type](creator)
    left = [name for name, value in creator.inputs.items() if value is not None]
    if left:
        raise MappingError(f"{', '.join(sorted(left))}: nothing of the API takes it")
    return outputs


def follow(recipe: Recipe, creator: ResourceCreator) -> Outputs:
    known: dict[str, Any] = {
        "logical": creator.name,
        "region": creator.account.region,
        "input": dict(creator.inputs),
    }
    member, _, named = recipe.get("named", "").partition("=")
    named = named or "name"
    if member:
        known["id"] = known["name"] = creator.named(named)
    parameters = _parameters(recipe, creator, known)
    if member:
        parameters[member] = known["name"]
    known["request"], known["response"] = creator.fit_and_call(recipe["call"], parameters)
    if "arn" in recipe:
        service = recipe["call"].split()[0]
        known["arn"] = creator.account.invented_arn(service, _value(recipe["arn"], known))
    outputs = {"id": "arn" if "arn" in recipe else "id", **recipe.get("out", {})}
    known["id"] = _value(outputs["id"], known)
    for step in recipe.get("then", ()):
        [(call, expressions)] = step.items()
        found = _value(expressions, known)
        if found and all(found.values()):
            _, known["last"] = creator.fit_and_call(call, found)
    made = {"arn": known.get("arn"), named: known.get("name")}
    return {name: value for name, value in made.items() if value} | _value(outputs, known)


def _parameters(recipe: Recipe, creator: ResourceCreator, known: dict[str, Any]) -> dict[str, Any]:
    """The inputs, arranged as the request is; none is left."""
    creator.skip(*recipe.get("skip", ()), *_read_by(recipe, creator.inputs))
    given = _renamed(creator.inputs, recipe.get("rename", {}))
    tags = given.pop("tags", None) if "tags" in recipe else None
    if "into" in recipe:
        given = {recipe["into"]: given}
    if tags:
        given["TagSpecifications"] = [{"ResourceType": recipe["tags"], "Tags": tags}]
    creator.inputs.clear()
    return given | _value(recipe.get("with", {}), known)


def _read_by(recipe: Recipe, inputs: Mapping[str, Any]) -> Mapping[str, set[str]]:
    """The inputs that expressions read, and of which parts; other parts of these are an error."""
    read: dict[str, set[str]] = {}
    for name, part in _INPUT.findall(str(recipe)):
        read.setdefault(name, set()).add(part)
    for name, parts in read.items():
        left = set() if "" in parts else set(inputs.get(name) or ()) - parts
        for part in sorted(left):
            raise MappingError(f"{name}.{part}: nothing of the API takes it")
    return read


def _value(expression: Any, known: Mapping[str, Any]) -> Any:
    """The value of a JMESPath expression, or of each in a mapping."""
    if isinstance(expression, str):
        return jmespath.search(expression, known, options=_OPTIONS)
    return {name: _value(each, known) for name, each in expression.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(name, name): _renamed(v, names) for name, v in value.items()}
    return [_renamed(entry, names) for entry in value] if isinstance(value, list) else value


def read_table(file: Path) -> Mapping[str, Any]:
    """Type → row; a type such as aws:ec2/vpc:Vpc is "ec2 Vpc" in the file."""
    rows = yaml.safe_load(file.read_text())
    return {_type(key) if " " in key else key: row for key, row in rows.items()}


def _type(key: str) -> str:
    module, name = key.split()
    return f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"


def _recipe(kind: str, row: Recipe) -> Recipe:
    module, _, name = kind.removeprefix("aws:").partition("/")
    return {"call": f"{module} Create{name.partition(':')[2]}", **row}


_TABLE = read_table(Path(__file__).with_name("resources.yaml"))
CREATORS: Mapping[str, Create] = {
    **{kind: partial(follow, _recipe(kind, row)) for kind, row in _TABLE.items()},
    **SPECIAL,
}
