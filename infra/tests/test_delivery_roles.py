"""Who GitHub's runners may be, and what they may then do."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from cloud import ACCOUNT
from harness import Run, keys, run, stack
from policed import in_tier, violations

POLICY = "aws:iam/policy:Policy"
GITHUB = {"github_repository": "acme/orders"}


@cache
def delivered(tier: str, compute: str = "fargate") -> Run:
    return run(tier, keys(tier, compute) | GITHUB)


def statements(made: Run, name: str) -> Iterator[dict[str, Any]]:
    yield from json.loads(made.one(POLICY, name).inputs["policy"])["Statement"]


def test_without_a_repository_nobody_is_let_in() -> None:
    assert stack("prod").all(POLICY) == []
    assert "deployer" not in stack("prod").outputs


@pytest.mark.parametrize(
    ("purpose", "subjects"),
    [
        ("deployer", ["repo:acme/orders:environment:prod"]),
        ("reader", ["repo:acme/orders:pull_request", "repo:acme/orders:ref:refs/heads/main"]),
    ],
)
def test_a_run_is_known_by_its_repository_and_where_it_runs(
    purpose: str, subjects: list[str]
) -> None:
    role = delivered("prod").one("aws:iam/role:Role", f"shop-prod-{purpose}").inputs
    [trust] = json.loads(role["assumeRolePolicy"])["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subjects}
    }


def test_each_policy_has_room_for_the_longest_names() -> None:
    for policy in delivered("prod").all(POLICY):
        counted = re.sub(r"\s", "", policy.inputs["policy"])
        # 24 characters for a name and 14 for a region, where the test has 9 and 9
        names = counted.count("shop-prod") * 15 + counted.count("eu-west-1") * 5
        assert len(counted) + names <= 6144, policy.name


def test_the_reader_changes_nothing() -> None:
    reading = statements(delivered("prod"), "shop-prod-reading")
    verbs = {name for s in reading for name in re.findall(":([A-Z][a-z]+)", str(s["Action"]))}
    assert verbs == {"Get", "List", "Describe", "Decrypt"}


def test_the_deployer_makes_roles_of_its_stack_only_and_no_administrator() -> None:
    found = [
        s for s in statements(delivered("prod"), "shop-prod-platform") if "iam:" in s["Action"][0]
    ]
    by_action = {action: statement for statement in found for action in statement["Action"]}
    assert by_action["iam:CreateRole"]["Resource"] == [
        f"arn:aws:iam::{ACCOUNT}:role/shop-prod-*",
        f"arn:aws:iam::{ACCOUNT}:instance-profile/shop-prod-*",
        f"arn:aws:iam::{ACCOUNT}:policy/shop-prod-*",
    ]
    attachable = by_action["iam:AttachRolePolicy"]["Condition"]["ArnLike"]["iam:PolicyARN"]
    assert [arn for arn in attachable if arn.endswith("Access")] == [
        "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    ]
    assert by_action["iam:PassRole"]["Condition"] == {
        "StringEquals": {
            "iam:PassedToService": [
                f"{service}.amazonaws.com"
                for service in (
                    *("ecs-tasks", "ec2", "scheduler"),
                    *("monitoring.rds", "rds", "vpc-flow-logs"),
                )
            ]
        }
    }


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_policy_pack_has_nothing_against_them(tier: str) -> None:
    in_tier(tier)
    ours = [r for r in delivered(tier).registrations if "iam" in r.type]
    assert violations(ours) == []
