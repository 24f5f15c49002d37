"""What the roles of GitHub's runs may do, and the bound of every role that a deployment makes.

A resource is the stack's by its name, which ends with Pulumi's seven characters, so that
`shop-prod-???????` is never one of `shop-prod-eu`; or, where AWS gives the name, by its tags
`project` and `stack`. The table is in delivery_permissions.yaml.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import Template
from typing import Any

import yaml

from stackkit.resources.policies import Statement, allow
from stackkit.settings.config import Config

SUFFIX = f"-{'?' * 7}"
# Configuration, and no data.
READERS = (
    "arn:aws:iam::aws:policy/SecurityAudit",
    "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
)
_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
_PURPOSES = re.compile(r"\{([a-z0-9,-]*)\}")
# of a text of the table → its values
Variables = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class DeliveryScope:
    """A stack in an account."""

    settings: Config
    region: str
    account: str

    @property
    def name(self) -> str:
        return self.settings.name

    def iam(self, rest: str) -> str:
        return f"arn:aws:iam::{self.account}:{rest}"

    @property
    def boundary(self) -> str:
        return self.iam(f"policy/{self.name}-boundary")

    @property
    def variables(self) -> Variables:
        settings = self.settings
        given = {
            "name": [self.name],
            "project": [settings.project],
            "stack": [settings.stack],
            "region": [self.region],
            "account": [self.account],
            # of the records that the stack makes
            "domain": [settings.domain],
            # of a VPC that the program doesn't make
            "vpc": [settings.vpc_id],
            "subnet": [*settings.public_subnet_ids, *settings.private_subnet_ids],
        }
        return {name: [value for value in values if value] for name, values in given.items()}


def of_reader(scope: DeliveryScope) -> list[Statement]:
    return _statements([*_TABLE["reader"], *_TABLE["refresh"]], scope.variables)


def of_deployer(scope: DeliveryScope) -> Mapping[str, list[Statement]]:
    """By policy."""
    policies = {
        name: _statements(rows, scope.variables) for name, rows in _TABLE["deployer"].items()
    }
    policies["state"] += _statements(_TABLE["refresh"], scope.variables)
    return policies


def of_key(deployer: str) -> list[Statement]:
    """A key's own policy: what tags say of a key, anybody who may tag could have written."""
    root = ":".join([*deployer.split(":")[:5], "root"])
    statements = zip(_statements(_TABLE["key"], {}), (root, deployer), strict=True)
    return [{**statement, "Principal": {"AWS": who}} for statement, who in statements]


def of_boundary(
    scope: DeliveryScope, secrets: Sequence[str] = (), secrets_key: str = ""
) -> list[Statement]:
    """The most that a role of the program may do; `secrets` are the ARNs in the stack's keys."""
    parameters = [arn for arn in secrets if ":ssm:" in arn]
    variables = {
        "secret": [arn for arn in secrets if arn not in parameters],
        "parameter": parameters,
        "secrets_key": [secrets_key] if secrets_key else [],
    }
    return _statements(_TABLE["boundary"], {**scope.variables, **variables})


def _statements(rows: Iterable[Mapping[str, Any]], variables: Variables) -> list[Statement]:
    found = []
    for row in rows:
        services = {name: row[name] for name in row if name not in ("arn", "if")}
        actions = [f"{name}:{verb}" for name, verbs in services.items() for verb in verbs.split()]
        if resources := _filled([_arn(end) for end in row["arn"]], variables):
            found.append(allow(actions, resources, _filled(row.get("if"), variables)))
    return found


def _arn(end: str) -> str:
    service, _, rest = end.partition(":")
    whole = service == "arn" or not rest
    return end if whole else f"arn:aws:{service}:$region:$account:{rest}"


def _filled(value: Any, variables: Variables) -> Any:
    """A structure of the table with its variables' values; lists have one entry for each."""
    if isinstance(value, Mapping):
        return {name: _filled(entry, variables) for name, entry in value.items()}
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry, variables)]
    return value and next(_texts(value, variables))


def _texts(text: str, variables: Variables) -> Iterator[str]:
    purposes = _PURPOSES.search(text)
    for purpose in purposes[1].split(",") if purposes else [""]:
        named = f"$name-{purpose}{SUFFIX}" if purpose else f"$name{SUFFIX}"
        template = Template(_PURPOSES.sub(named, text))
        names = template.get_identifiers()
        for values in product(*(variables[name] for name in names)):
            yield template.substitute(dict(zip(names, values, strict=True)))
