"""IAM roles and policy documents, made here and not by a call to AWS: a preview shows them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_aws import iam

Statement = Mapping[str, Any]
VERSION = "2012-10-17"


def allow(
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})


def may_log(group_arn: pulumi.Output[str], *more: str) -> Statement:
    """Write to the streams of a log group; `more` are further actions."""
    actions = ["logs:CreateLogStream", "logs:PutLogEvents", *more]
    return allow(actions, [group_arn.apply(lambda arn: f"{arn}:*")])


def document(*statements: Statement) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": VERSION, "Statement": list(statements)})


def known_document(statements: Sequence[Statement]) -> str:
    """`document` of values that are known, as the text that AWS's API takes."""
    return json.dumps({"Version": VERSION, "Statement": list(statements)})


def only_with_tls(*arns: pulumi.Input[str]) -> Statement:
    """Of a bucket and its objects."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": list(arns),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def service_role(
    name: str,
    service: str,
    statements: Sequence[Statement],
    parent: pulumi.Resource,
    condition: Mapping[str, Any] | None = None,
) -> tuple[iam.Role, list[iam.RolePolicy]]:
    """A role that one of AWS's services assumes, and its policy if it has statements."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust |= {"Condition": condition} if condition else {}
    child = pulumi.ResourceOptions(parent=parent)
    role = iam.Role(name, assume_role_policy=document(trust), opts=child)
    if not statements:
        return role, []
    return role, [iam.RolePolicy(name, role=role.id, policy=document(*statements), opts=child)]


def managed_role(
    name: str, service: str, policy_arn: str, parent: pulumi.Resource
) -> tuple[iam.Role, iam.RolePolicyAttachment]:
    """The same with a policy of AWS's own."""
    role, _ = service_role(name, service, [], parent)
    child = pulumi.ResourceOptions(parent=parent)
    return role, iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy_arn, opts=child)
