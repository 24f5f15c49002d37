"""The policies of GitHub's roles, held against each call that a stack needs; and against others."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

import pairs
from cloud import ACCOUNT, REGION
from iam.evaluator import Request, Statement, allowing
from iam.patterns import never_matching
from iam.provider_reads import LOOKUPS, READS, WATCHING
from iam.requests import all_requests, changes, example, fits, rows
from iam.scope import Scope
from rehearsed import Outcome, Rehearsals
from stackkit.resources.delivery_permissions import (
    READERS,
    of_boundary,
    of_deployer,
    of_reader,
)
from stackkit.settings.config import Config
from stackkit.tools.rehearse.account import Call

# glob patterns meet character by character
sys.setrecursionlimit(5000)


VPC = pairs.OPTIONS["network"]["existing"]["vpc_id"]


def scope(stack: str, in_existing_vpc: bool = False) -> Scope:
    settings = Config(
        project="shop",
        stack=stack,
        domain="api.example.com",
        vpc_id=VPC if in_existing_vpc else "",
        private_subnet_ids=SUBNETS if in_existing_vpc else (),
    )
    return Scope(settings, REGION, ACCOUNT)


PROD = scope("prod")
_AWS = json.loads(aws_managed_policies_data)
AWS_OWN = [
    statement
    for arn in READERS
    for statement in _AWS[arn.rpartition("/")[2]]["Document"]["Statement"]
]


SUBNETS = ("subnet-aaaaaaa0", "subnet-bbbbbbb0")


def deployer(of: Scope = PROD, calls: Sequence[Call] = ()) -> list[Statement]:
    """With what the policies of the keys among the calls give it."""
    own = [statement for policy in of_deployer(of).values() for statement in policy]
    return [*own, *(statement for call in calls for statement in _of_key(call, of))]


def _of_key(call: Call, of: Scope) -> list[Statement]:
    if call.operation != "CreateKey":
        return []
    key = call.response["KeyMetadata"]["Arn"]
    given = json.loads(call.parameters["Policy"])["Statement"]
    ours = {"AWS": of.iam(f"role/{of.name}-deployer")}
    return [{**statement, "Resource": key} for statement in given if statement["Principal"] == ours]


def refused(requests: Sequence[Request], *policies: Sequence[Statement]) -> list[str]:
    every = [statement for policy in policies for statement in policy]
    return sorted({str(request) for request in requests if not allowing(every, request)})


PLAIN = {option: next(iter(choices)) for option, choices in pairs.OPTIONS.items()}
# between them, every type of resource
STACKS = [
    PLAIN
    | {
        "tier": "prod",
        "delivery": "GitHub",
        "slack": "on",
        "rollout": "canary",
        "replica": "two",
        "proxy": "on",
        "schedules": "one",
        "predictive": "forecast",
        "reserved": "some",
        "secrets": "more",
        "scaling": "network beside step",
        "exec": "on",
    },
    PLAIN
    | {
        "tier": "prod",
        "compute": "ec2",
        "delivery": "GitHub",
        "ami": "baked",
        "schedules": "one",
        "predictive": "forecast",
        "scaling": "step",
    },
]


@pytest.fixture(scope="module")
def outcomes(rehearsals: Rehearsals) -> list[Outcome]:
    return [begun.result() for begun in [rehearsals.begin(stack) for stack in STACKS]]


@pytest.fixture(scope="module")
def made(outcomes: list[Outcome]) -> list[Request]:
    return [r for outcome in outcomes for r in all_requests(outcome.calls, PROD)]


@pytest.fixture(scope="module")
def read(outcomes: list[Outcome]) -> list[Request]:
    """Of each resource, what a refresh reads."""
    arns: dict[str, set[str]] = {}
    for outcome in outcomes:
        for call in outcome.calls:
            own = {r.resource for r in all_requests([call], PROD)}
            arns.setdefault(call.type.split(":")[1], set()).update(own)
    assert sorted(kind for kind in arns if kind and kind not in READS and "/" in kind) == []
    return [
        Request(action, arn, PROD.tags("ResourceTag"))
        for kind, found in arns.items()
        for action in READS.get(kind, "").split()
        for arn in [a for a in found if any(fits(a, form) for form, _ in rows(action))]
        or [example(action)]
    ]


def looked_up() -> list[Request]:
    parameter = f"arn:aws:ssm:{REGION}::parameter/aws/service/ami-amazon-linux-latest/al2023"
    special = {"ssm:GetParameter": parameter}
    return [
        Request(action, special.get(action) or example(action))
        for action in LOOKUPS.split()
        # AWS answers it to anybody
        if action != "sts:GetCallerIdentity"
    ]


def test_a_deployer_may_make_each_resource(outcomes: list[Outcome], made: list[Request]) -> None:
    assert len(made) > 500
    calls = [call for outcome in outcomes for call in outcome.calls]
    assert refused(made, deployer(PROD, calls), AWS_OWN) == []


def test_a_deployer_and_a_reader_may_read_each_resource(read: list[Request]) -> None:
    assert len(read) > 200
    assert refused([*read, *looked_up()], deployer(), AWS_OWN) == []
    assert refused([*read, *looked_up()], of_reader(PROD), AWS_OWN) == []


def test_a_deployer_may_look_at_a_deployment_and_run_a_task() -> None:
    task = f"task/{PROD.name}-0a1b2c3/0a1b"
    own = {
        "s3:ListBucket": PROD.state_bucket,
        "s3:GetObject": f"{PROD.state_bucket}/.pulumi/locks/1.json",
        "ecs:RunTask": PROD.arn("ecs", f"task-definition/{PROD.name}-task:3"),
        "ecs:StopTask": PROD.arn("ecs", task),
        "ecs:DescribeTasks": PROD.arn("ecs", task),
        "logs:GetLogEvents": PROD.arn("logs", f"log-group:{PROD.name}-0a1b2c3:log-stream:a"),
        "ecr:PutImage": PROD.arn("ecr", f"repository/{PROD.name}-0a1b2c3"),
        "ecr:BatchGetImage": PROD.arn("ecr", f"repository/{PROD.name}-0a1b2c3"),
    }
    asked = [Request(action, own.get(action) or example(action)) for action in WATCHING.split()]
    assert refused(asked, deployer(), AWS_OWN) == []


EXISTING = scope("prod", in_existing_vpc=True)
GROUP = Request("ec2:CreateSecurityGroup", PROD.arn("ec2", f"vpc/{VPC}"), PROD.tags("RequestTag"))
LAUNCH = Request("ec2:RunInstances", PROD.arn("ec2", f"subnet/{SUBNETS[1]}"))


@pytest.mark.parametrize("request_", [GROUP, LAUNCH], ids=str)
def test_a_deployer_uses_a_vpc_that_exists_where_the_keys_name_it(request_: Request) -> None:
    assert allowing(deployer(EXISTING), request_)
    assert not allowing(deployer(), request_)


@pytest.mark.parametrize(
    "action",
    ["ec2:DeleteVpc", "ec2:CreateSubnet", "ec2:CreateVpcEndpoint", "ec2:ModifyVpcAttribute"],
)
def test_a_deployer_changes_nothing_of_a_vpc_that_exists(action: str) -> None:
    assert not allowing(deployer(EXISTING), Request(action, GROUP.resource))


ALL = {**of_deployer(PROD), "reader": of_reader(PROD), "boundary": of_boundary(PROD)}


@pytest.mark.parametrize("policy", ALL)
def test_no_statement_has_an_action_that_can_never_match(policy: str) -> None:
    assert [line for statement in ALL[policy] for line in never_matching(statement)] == []


@pytest.mark.parametrize("policy", ALL)
def test_each_policy_has_room_for_the_longest_names(policy: str) -> None:
    settings = Config(
        project="p" * 12,
        stack="s" * 11,
        domain=f"{'d' * 60}.example.com",
        vpc_id="vpc-0123456789abcdef0",
        private_subnet_ids=("subnet-0123456789abcdef0",) * 6,
    )
    longest = Scope(settings, "ap-southeast-1", ACCOUNT)
    policies = {
        **of_deployer(longest),
        "reader": of_reader(longest),
        "boundary": of_boundary(longest, ["arn:" + "s" * 100] * 5),
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": list(policies[policy])})
    assert len(re.sub(r"\s", "", text)) <= 6144


def writes(requests: Sequence[Request]) -> list[Request]:
    return [request for request in requests if changes(request.action)]


def elsewhere(request: Request, stack: str) -> Request:
    """The same on a resource of another stack, as a run of ours would ask for it."""
    text = re.sub(r"shop-prod(?![a-z])", f"shop-{stack}", request.resource)
    context = dict(request.context)
    if text != request.resource or "aws:ResourceTag/stack" in context:
        context |= {"aws:ResourceTag/project": "shop", "aws:ResourceTag/stack": stack}
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    if key in context:
        context[key] = ["other.example.com"]
    key = "aws:ResourceTag/aws:rds:primaryDBInstanceArn"
    if key in context:
        context[key] = str(context[key]).replace("shop-prod", f"shop-{stack}")
    return Request(request.action, text, context)


# the ends of ARNs that are no stack's
OTHERS = [
    *("certificate/1", "scalable-target/1", "key/1", "db-proxy:prx-1", "db:other", "cluster:other"),
    *("security-group/sg-1", "vpc/vpc-1", "subnet/subnet-1", "loadbalancer/app/other/1"),
    *("repository/other", "cluster/other", "secret:other-AbCdEf", "topic/other", "alarm:other"),
    *("role/other", "log-group:other", "regional/webacl/other/1"),
]
# tagged by the call that makes it, and AWS asks as for one that exists
CLAIMABLE = {
    "acm:AddTagsToCertificate",
    "application-autoscaling:TagResource",
    "kms:TagResource",
    "rds:AddTagsToResource",
}


def test_only_what_aws_can_not_tell_from_a_new_resource_can_be_claimed(made: list[Request]) -> None:
    tagging = {r.action for r in writes(made) if re.search("Tag(s|Resource|Role|Inst)", r.action)}
    assert {*CLAIMABLE, "ec2:CreateTags"} <= tagging
    untagged = [
        Request(action, PROD.arn(action.partition(":")[0], rest), PROD.tags("RequestTag"))
        for action in tagging
        for rest in OTHERS
    ]
    assert {request.action for request in untagged if allowing(deployer(), request)} == CLAIMABLE
    other_key = {**PROD.tags("RequestTag"), "kms:ResourceAliases": ["alias/other"]}
    assert not allowing(deployer(), Request("kms:TagResource", PROD.arn("kms", "key/1"), other_key))


@pytest.mark.parametrize("stack", ["prod-eu", "dev", "prod2"])
def test_another_stack_is_out_of_reach(made: list[Request], stack: str) -> None:
    reached = set()
    for request in writes(made):
        other = elsewhere(request, stack)
        # an action without a resource, or a new one that AWS names, is of no stack yet
        named = other != request and other.resource != "*"
        if named and allowing(deployer(), other):
            reached.add(str(other))
    assert sorted(reached) == []


ROLE = "arn:aws:iam::123456789012:role/shop-prod-task-0a1b2c3"
BOUND = {"iam:PermissionsBoundary": PROD.boundary}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


@pytest.mark.parametrize(
    "request_",
    [
        Request("iam:CreateRole", ROLE),
        Request("iam:CreateRole", ROLE, {"iam:PermissionsBoundary": ADMINISTRATOR}),
        Request("iam:CreateRole", PROD.iam("role/other"), BOUND),
        Request("iam:PutRolePolicy", ROLE),
        Request("iam:PutRolePolicy", PROD.iam("role/shop-prod-deployer"), BOUND),
        Request("iam:PutRolePolicy", PROD.iam("role/shop-prod-reader"), BOUND),
        Request("iam:AttachRolePolicy", ROLE, BOUND | {"iam:PolicyARN": ADMINISTRATOR}),
        Request("iam:AttachRolePolicy", ROLE, {"iam:PolicyARN": SSM}),
        Request("iam:AttachRolePolicy", PROD.iam("role/shop-prod-deployer"), BOUND),
        Request("iam:UpdateAssumeRolePolicy", PROD.iam("role/shop-prod-deployer")),
        Request("iam:UpdateAssumeRolePolicy", PROD.iam("role/shop-prod-reader")),
        Request("iam:DeleteRole", PROD.iam("role/shop-prod-deployer")),
        Request("iam:DeleteRolePermissionsBoundary", ROLE, BOUND),
        Request("iam:PutRolePermissionsBoundary", ROLE, BOUND),
        Request("iam:CreatePolicyVersion", PROD.boundary),
        Request("iam:SetDefaultPolicyVersion", PROD.boundary),
        Request("iam:CreatePolicyVersion", PROD.iam("policy/shop-prod-deployer-roles")),
        Request("iam:CreatePolicy", PROD.iam("policy/shop-prod-more-0a1b2c3")),
        Request(
            "iam:PassRole",
            PROD.iam("role/shop-prod-deployer"),
            {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
        ),
        Request("iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
        Request("iam:CreateUser", PROD.iam("user/shop-prod-0a1b2c3")),
        Request("sts:AssumeRole", ROLE),
        Request("ssm:SendCommand", PROD.arn("ec2", "instance/i-0a1b2c3d")),
        Request("ecs:ExecuteCommand", PROD.arn("ecs", "task/shop-prod-0a1b2c3/0a1b")),
        Request("ssm:StartSession", PROD.arn("ecs", "task/shop-prod-0a1b2c3/0a1b")),
        Request("secretsmanager:GetSecretValue", PROD.arn("secretsmanager", "secret:other-AbCdEf")),
        Request("secretsmanager:GetSecretValue", PROD.arn("secretsmanager", "secret:rds!db-1")),
        Request("kms:Decrypt", PROD.arn("kms", "key/0a1b"), {"kms:ResourceAliases": ["alias/a"]}),
        Request("kms:Decrypt", PROD.arn("kms", "key/0a1b"), PROD.tags("ResourceTag")),
        Request("kms:PutKeyPolicy", PROD.arn("kms", "key/0a1b"), PROD.tags("ResourceTag")),
        Request("s3:GetObject", "arn:aws:s3:::shop-prod-eu-state-123456789012-eu-west-1/a"),
    ],
    ids=str,
)
def test_a_deployer_can_not_give_itself_more(request_: Request) -> None:
    assert allowing(deployer(), request_) == []


def test_the_reader_changes_nothing() -> None:
    for statement in of_reader(PROD):
        requests = [Request(action, "*") for action in statement["Action"]]
        assert [r.action for r in writes(requests)] in ([], ["kms:Decrypt"])


def test_the_boundary_leaves_each_role_what_the_program_gives_it(outcomes: list[Outcome]) -> None:
    database = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:shop-prod-0a1b2c3"
    context: dict[str, Any] = PROD.tags("ResourceTag")
    context["aws:ResourceTag/aws:rds:primaryDBInstanceArn"] = database
    context["kms:ViaService"] = f"secretsmanager.{REGION}.amazonaws.com"
    named = [line.partition("=")[2] for line in json.loads(pairs.SECRETS)]
    secrets = [":".join(arn.split(":")[:7]) for arn in named]
    bound = of_boundary(PROD, secrets, pairs.SECRETS_KEY)
    given = [
        Request(action, resource.replace(":*:", f":{ACCOUNT}:", 1), context)
        for outcome in outcomes
        for call in outcome.calls
        if call.operation == "PutRolePolicy"
        for statement in json.loads(call.parameters["PolicyDocument"])["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert len(given) > 20
    # nobody has tagged the team's own key with the stack
    foreign = [replace(r, context={}) if r.resource == pairs.SECRETS_KEY else r for r in given]
    assert foreign != given
    assert refused(foreign, bound) == []
    assert refused(given, bound) == []
