"""What IAM is asked for each call of a rehearsal: actions, resources and their tags.

Which resources an action has is AWS's service authorization reference, as policy_sentry carries it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from policy_sentry.querying.actions import get_action_data

from cloud import ACCOUNT, REGION
from iam.evaluator import Request
from iam.scope import Scope
from stackkit.tools.rehearse.account import Call

# an API's and its operations' names in IAM, where they differ
SERVICES = {"elbv2": "elasticloadbalancing"}
ACTIONS = {
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    # taking away is an empty put
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
# ids of EC2, whose ARNs nothing answers with
_EC2 = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "eipalloc": "elastic-ip",
    "lt": "launch-template",
    "vpce": "vpc-endpoint",
    "fl": "vpc-flow-log",
}
# service → member of a request → the end of an ARN with that name
_NAMED: Mapping[str, Mapping[str, str]] = {
    "autoscaling": {"AutoScalingGroupName": "autoScalingGroup:0a-1b:autoScalingGroupName/{}"},
    "application-autoscaling": {"ResourceId": "scalable-target/{}"},
    "chatbot": {"ConfigurationName": "chat-configuration/slack-channel/{}"},
    "cloudwatch": {
        "AlarmName": "alarm:{}",
        "AlarmNames": "alarm:{}",
        "DashboardName": "dashboard/{}",
        "DashboardNames": "dashboard/{}",
    },
    # of a route table that no parameter names
    "ec2": {"AssociationId": "route-table/rtb-0a1b2c3d"},
    "ecr": {"repositoryName": "repository/{}"},
    "ecs": {
        "cluster": "cluster/{}",
        "family": "task-definition/{}:1",
        "service": "service/{cluster}/{}",
    },
    "elasticache": {
        "CacheParameterGroupName": "parametergroup:{}",
        "CacheSubnetGroupName": "subnetgroup:{}",
        "ReplicationGroupId": "replicationgroup:{}",
        "UserId": "user:{}",
        "UserGroupId": "usergroup:{}",
    },
    "iam": {"RoleName": "role/{}", "InstanceProfileName": "instance-profile/{}"},
    "imagebuilder": {"name": "{kind}/{}", "imageRecipeArn": "{kind}/{}"},
    "kms": {"KeyId": "key/{}"},
    "logs": {"logGroupName": "log-group:{}"},
    "rds": {
        "DBInstanceIdentifier": "db:{}",
        "SourceDBInstanceIdentifier": "db:{}",
        "DBParameterGroupName": "pg:{}",
        "DBSubnetGroupName": "subgrp:{}",
        "DBProxyName": "target-group:prx-tg-0a1b2c3d",
    },
    "route53": {"HostedZoneId": "hostedzone/{}"},
    "s3": {"Bucket": "{}"},
    "scheduler": {"Name": "schedule/default/{}"},
    "wafv2": {"Name": "regional/webacl/{}/0a1b2c3d"},
}
_VERSIONS = {"component": "/1.0.0/1", "image-recipe": "/1.0.0", "image": "/1.0.0/1"}
_GLOBAL = {
    "chatbot": f"arn:aws:chatbot::{ACCOUNT}:",
    "iam": f"arn:aws:iam::{ACCOUNT}:",
    "route53": "arn:aws:route53:::",
    "s3": "arn:aws:s3:::",
}
# what tags a new resource needs beside the call that makes it
_TAGGING = {
    "acm": "AddTagsToCertificate",
    "ec2": "CreateTags",
    "elasticache": "AddTagsToResource",
    "elasticloadbalancing": "AddTags",
    "iam": {"CreateRole": "TagRole", "CreateInstanceProfile": "TagInstanceProfile"},
    "rds": "AddTagsToResource",
    # by the call alone
    "autoscaling": "",
}
# to whom a role goes with a call
_PASSED = {
    "chatbot": "chatbot.amazonaws.com",
    "ec2": "vpc-flow-logs.amazonaws.com",
    "ecs": "ecs-tasks.amazonaws.com",
    "iam": "ec2.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
}
# calls that make nothing that is tagged when it is made
_UNTAGGED = ("autoscaling:", "s3:", "scheduler:")
# a change is the same call without tags
_CHANGING = ("RegisterScalableTarget", "PutMetricAlarm", "PutCompositeAlarm")
_CREATING = ("Create", "Request", "Register", "Allocate", "Authorize", "PutMetric", "PutComposite")


def action_of(call: Call) -> str:
    name = f"{SERVICES.get(call.service, call.service)}:{call.operation}"
    return ACTIONS.get(name, name)


def all_requests(calls: Iterable[Call], scope: Scope) -> Iterator[Request]:
    """Of the calls in their order: what a call answers with exists for those after it."""
    seen: set[str] = set()
    for call in calls:
        yield from _requests(call, scope, seen)
        seen |= set(_arns(call.response)) | set(_named(call))


def _requests(call: Call, scope: Scope, seen: set[str]) -> Iterator[Request]:
    """One for each resource of the call, its tags, and the roles that it passes on."""
    action = action_of(call)
    creates = call.operation.startswith(_CREATING) and _takes_tags(action)
    context: dict[str, Any] = dict(scope.tags("RequestTag")) if creates else {}
    special = _special(call, scope)
    context |= special
    given, named = set(_arns(call.parameters)), set(_named(call))
    made = set(_arns(call.response)) if creates else set()
    found = {
        arn for arn in given | named | made if any(fits(arn, form) for form, _ in rows(action))
    }
    for arn in sorted(found or {example(action)}):
        exists = arn in given | seen or not creates
        ours = exists and not arn.endswith(f"/{scope.settings.vpc_id or None}")
        asked = special if exists and call.operation in _CHANGING else context
        yield Request(action, arn, asked | (scope.tags("ResourceTag") if ours else {}))
        if not exists and (tagging := _tagging(action)):
            target = _tag_target(action, arn, named)
            yield Request(tagging, target, context | _created_by(call))
    yield from _passed(call, given)


def example(action: str) -> str:
    """A resource of the action: everything, where AWS offers no other."""
    forms = [form for form, _ in rows(action)]
    known = {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}
    if "*" in forms:
        return "*"
    return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], "0a1b"), forms[0])


def _takes_tags(action: str) -> bool:
    """Whether the provider tags with the call that makes the resource."""
    keys = [key for _, found in rows(action) for key in found]
    return any(key.startswith("aws:RequestTag") for key in keys) and not action.startswith(
        _UNTAGGED
    )


def _special(call: Call, scope: Scope) -> dict[str, Any]:
    if call.service == "iam":
        policy = call.parameters.get("PolicyArn")
        bound = {"iam:PermissionsBoundary": scope.boundary}
        return bound | ({"iam:PolicyARN": policy} if policy else {})
    if call.operation == "ChangeResourceRecordSets":
        changes = call.parameters["ChangeBatch"]["Changes"]
        names = [change["ResourceRecordSet"]["Name"].rstrip(".") for change in changes]
        return {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names}
    if call.operation == "RotateSecret":
        database = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{scope.name}-0a1b2c3"
        return {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": database}
    return {}


def _created_by(call: Call) -> dict[str, Any]:
    return {f"{call.service}:CreateAction": call.operation}


def _tagging(action: str) -> str:
    service, _, operation = action.partition(":")
    tagging = _TAGGING.get(service, "TagResource")
    name = tagging.get(operation, "") if isinstance(tagging, dict) else tagging
    return f"{service}:{name}" if name else ""


def _tag_target(action: str, arn: str, named: set[str]) -> str:
    """A channel that the call names by itself; a certificate or a key that it doesn't name."""
    unnamed = {"acm": "certificate/0a1b", "kms": "key/0a1b", "rds": "db-proxy:prx-0a1b2c3d"}
    service = action.partition(":")[0]
    if service == "chatbot":
        return next(iter(named))
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{unnamed[service]}" if arn == "*" else arn


def _passed(call: Call, arns: set[str]) -> Iterator[Request]:
    if call.service == "iam" and call.operation != "AddRoleToInstanceProfile":
        return
    for arn in sorted(arns):
        if ":role/" in arn:
            yield Request("iam:PassRole", arn, {"iam:PassedToService": _service(call)})


def _service(call: Call) -> str:
    if call.service == "rds":
        proxy = call.operation == "CreateDBProxy"
        return "rds.amazonaws.com" if proxy else "monitoring.rds.amazonaws.com"
    if call.operation == "CreateService":
        return "ecs.amazonaws.com"
    return _PASSED[call.service]


def _arns(value: Any) -> Iterator[str]:
    """ARNs in a structure, and those of ids."""
    for text in _texts(value):
        kind = _EC2.get(text.partition("-")[0])
        if text.startswith("arn:"):
            # a reference to a secret goes on with a key of its JSON
            yield ":".join(text.split(":")[:7]) if ":secret:" in text else text
        elif kind and re.fullmatch(r"[a-z]+-[0-9a-f]{8,17}", text):
            yield f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{text}"


def _named(call: Call) -> Iterator[str]:
    """ARNs of the names in a request."""
    service = SERVICES.get(call.service, call.service)
    start = _GLOBAL.get(service, f"arn:aws:{service}:{REGION}:{ACCOUNT}:")
    if "Dashboard" in call.operation:
        start = f"arn:aws:cloudwatch::{ACCOUNT}:"
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", call.operation.removeprefix("Create")).lower()
    for member, form in _NAMED.get(call.service, {}).items():
        given = call.parameters.get(member)
        name = given[0] if isinstance(given, list) else given
        if member == "imageRecipeArn" and name and kind == "image":
            # an image has its recipe's name
            name = name.split("/")[1]
        if isinstance(name, str) and not name.startswith("arn:"):
            cluster = str(call.parameters.get("cluster")).rpartition("/")[2]
            end = form.format(name.removeprefix("/hostedzone/"), kind=kind, cluster=cluster)
            yield start + end + _VERSIONS.get(kind, "")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, str):
        yield value


@cache
def changes(action: str) -> bool:
    """Whether the action does more than read."""
    service, _, operation = action.partition(":")
    return get_action_data(service, operation)[service][0]["access_level"] not in ("List", "Read")


@cache
def rows(action: str) -> list[tuple[str, tuple[str, ...]]]:
    service, _, operation = action.partition(":")
    data = get_action_data(service, operation)
    found = data[service] if data else []
    assert found, f"AWS has no action {action}"
    return [(row["resource_arn_format"], tuple(row["condition_keys"])) for row in found]


def fits(arn: str, form: str) -> bool:
    return form != "*" and re.fullmatch(_pattern(form), arn) is not None


@cache
def _pattern(form: str) -> str:
    return "".join(
        "[^:]+" if part.startswith("${") else re.escape(part)
        for part in re.split(r"(\$\{[^}]*\})", form)
    )
