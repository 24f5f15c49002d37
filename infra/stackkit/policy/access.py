"""Who may do what in the account."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs

from stackkit.alarms.topics import READS
from stackkit.policy.rules import Props, resource_policy
from stackkit.resources.exec import CHANNELS

ROLE = "aws:iam/role:Role"
DOCUMENTS = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
)
# actions that AWS itself offers for all resources only, and why one is needed
ON_EVERYTHING = {
    "ecr:GetAuthorizationToken": "a token is for the whole registry",
    "xray:PutTelemetryRecords": "X-Ray has no resources to name",
    "xray:PutTraceSegments": "X-Ray has no resources to name",
    **dict.fromkeys(READS, "metrics have no resources to name, and Slack lists all alarms"),
    **dict.fromkeys(CHANNELS, "Session Manager has no resources to name"),
}
ADMINISTRATORS = ("AdministratorAccess", "PowerUserAccess", "FullAccess")

Statement = Mapping[str, Any]


@resource_policy("iam-actions-named", (*DOCUMENTS, ROLE))
def actions_are_named(args: ResourceValidationArgs) -> Iterator[str]:
    """Permissions name their actions."""
    for statement in _allowed(args.resource_type, args.props):
        wild = [action for action in _listed(statement.get("Action")) if "*" in action]
        if "NotAction" in statement:
            wild.append("everything but NotAction")
        if wild:
            yield f"{', '.join(wild)} is allowed; name the actions that are used."


@resource_policy("iam-resources-named", (*DOCUMENTS, ROLE))
def resources_are_named(args: ResourceValidationArgs) -> Iterator[str]:
    """Permissions name their resources."""
    for statement in _allowed(args.resource_type, args.props):
        open_ended = [r for r in _listed(statement.get("Resource")) if _everything(r)]
        if "NotResource" in statement:
            open_ended.append("everything but NotResource")
        actions = [a for a in _listed(statement.get("Action")) if a not in ON_EVERYTHING]
        if open_ended and actions:
            yield (
                f"{', '.join(actions)} on {', '.join(open_ended)} is allowed; name the resources,"
                " or add an action that AWS offers for all of them only to ON_EVERYTHING in"
                " policy/access.py, with its reason."
            )


@resource_policy("iam-trust-named", (ROLE,))
def roles_trust_somebody(args: ResourceValidationArgs) -> Iterator[str]:
    """Roles name whom they trust."""
    for statement in _statements(args.props["assumeRolePolicy"]):
        principal = statement.get("Principal")
        named = principal.values() if isinstance(principal, Mapping) else [principal]
        if any("*" in _listed(who) for who in named):
            yield "any principal may assume the role; name the service or the account that does."


@resource_policy("iam-no-administrators", ATTACHMENTS)
def nobody_is_administrator(args: ResourceValidationArgs) -> Iterator[str]:
    """No role has an administrator's permissions."""
    arn = args.props["policyArn"]
    if arn.endswith(ADMINISTRATORS):
        yield f"{arn} is attached; write a policy with the actions and resources that are used."


def _allowed(kind: str, props: Props) -> Iterator[Statement]:
    inline = [entry["policy"] for entry in props.get("inlinePolicies") or () if "policy" in entry]
    for document in inline if kind == ROLE else [props["policy"]]:
        yield from (s for s in _statements(document) if s["Effect"] == "Allow")


def _statements(document: str) -> list[Statement]:
    statements = json.loads(document)["Statement"]
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _listed(value: Any) -> list[str]:
    """IAM writes a list of one as the one."""
    return [value] if isinstance(value, str) else list(value or ())


def _everything(resource: str) -> bool:
    """All resources, or all of a service."""
    return resource.split(":", 5)[-1] == "*"
