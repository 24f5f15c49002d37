"""The roles of GitHub's runs, as `make bootstrap` makes them in a simulated account."""

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.iam.aws_managed_policies import aws_managed_policies_data

from cloud import ACCOUNT, REGION
from delivering import FakeCommands
from harness import keys, run
from stackkit.resources import delivery_permissions
from stackkit.tools.deploy import github
from stackkit.tools.deploy.__main__ import main

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ISSUER = "token.actions.githubusercontent.com"
TAGS = """\
  aws:defaultTags:
    tags: {project: shop, stack: dev}
"""


@pytest.fixture
def iam(infra: Path, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    # managed policies are attached by ARN and must exist; to read all of AWS's takes 2 s
    monkeypatch.setattr("moto.iam.models.aws_managed_policies_data", _attached())
    commands.answer("pulumi", "ls", out=[{"name": "dev"}])
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield boto3.client("iam", region_name=REGION)


@cache
def _attached() -> str:
    policies = json.loads(aws_managed_policies_data)
    attached = [*delivery_permissions.READERS, ADMINISTRATOR]
    names = [arn.rpartition("/")[2] for arn in attached]
    return json.dumps({name: policies[name] for name in names})


def bootstrap(infra: Path, repository: str = "acme/shop", **changes: str) -> int:
    file = infra / "Pulumi.dev.yaml"
    text = file.read_text()
    for old, new in changes.items():
        text = text.replace(f"shop:{old}: dev", f"shop:{old}: {new}")
    if "github_repository" not in text:
        text += f"  shop:github_repository: {repository}\n{TAGS}"
    file.write_text(text)
    return main(["bootstrap", "--stack", "dev"], infra)


def subjects(iam: Any, purpose: str) -> list[str]:
    role = iam.get_role(RoleName=f"shop-dev-{purpose}")["Role"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    equal = trust["Condition"]["StringEquals"]
    assert equal[f"{ISSUER}:aud"] == "sts.amazonaws.com"
    return equal[f"{ISSUER}:sub"]


@pytest.mark.parametrize("repository", ["acme/shop", "acme@123456/shop@456789"])
def test_a_run_is_known_by_its_repository_and_where_it_runs(
    iam: Any, infra: Path, repository: str
) -> None:
    assert bootstrap(infra, repository) == 0
    assert subjects(iam, "deployer") == [f"repo:{repository}:environment:dev"]
    assert subjects(iam, "reader") == [
        f"repo:{repository}:pull_request",
        f"repo:{repository}:ref:refs/heads/main",
    ]


def test_a_pull_request_can_not_read_productions_secrets(iam: Any, infra: Path) -> None:
    assert bootstrap(infra, tier="prod") == 0
    assert subjects(iam, "reader") == ["repo:acme/shop:ref:refs/heads/main"]


def test_credentials_last_as_long_as_a_deployment_may(iam: Any, infra: Path) -> None:
    assert bootstrap(infra) == 0
    role = iam.get_role(RoleName="shop-dev-deployer")["Role"]
    assert role["MaxSessionDuration"] >= 7200


def test_a_second_run_changes_nothing(
    iam: Any, infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap(infra) == 0
    first = capsys.readouterr().out
    assert f"made role arn:aws:iam::{ACCOUNT}:role/shop-dev-deployer" in first
    assert bootstrap(infra) == 0
    assert "made nothing: everything is there" in capsys.readouterr().out


def test_changed_roles_are_corrected(
    iam: Any, infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap(infra) == 0
    iam.attach_role_policy(RoleName="shop-dev-reader", PolicyArn=ADMINISTRATOR)
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/shop-dev-boundary"
    anything = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    for _ in range(4):
        iam.create_policy_version(
            PolicyArn=boundary,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [anything]}),
            SetAsDefault=True,
        )
    capsys.readouterr()
    assert bootstrap(infra) == 0
    told = capsys.readouterr().out
    assert f"made boundary {boundary}" in told
    assert f"made role arn:aws:iam::{ACCOUNT}:role/shop-dev-reader" in told
    attached = iam.list_attached_role_policies(RoleName="shop-dev-reader")["AttachedPolicies"]
    assert ADMINISTRATOR not in {policy["PolicyArn"] for policy in attached}


def test_a_stack_without_the_tags_that_its_roles_know_it_by_is_refused(
    iam: Any, infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = infra / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "  shop:github_repository: acme/shop\n")
    assert main(["bootstrap", "--stack", "dev"], infra) == 1
    assert capsys.readouterr().err == (
        "aws:defaultTags: Pulumi.dev.yaml must have project: shop and stack: dev: GitHub's runs may"
        " change what has these tags.\n"
    )


@pytest.mark.parametrize(
    ("typed", "written"),
    [("123456 456789", "acme@123456/shop@456789"), ("", "acme/shop")],
    ids=["ids", "an older repository"],
)
def test_a_person_is_asked_for_the_ids_of_the_repository(
    iam: Any, infra: Path, monkeypatch: pytest.MonkeyPatch, typed: str, written: str
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: typed)
    assert bootstrap(infra) == 0
    assert f"shop:github_repository: {written}\n" in (infra / "Pulumi.dev.yaml").read_text()
    assert subjects(iam, "deployer") == [f"repo:{written}:environment:dev"]


def test_ids_may_be_typed_with_a_comma_and_nothing_else_is_taken_for_them() -> None:
    assert github.with_ids("acme/shop", " 1, 2 ") == "acme@1/shop@2"
    assert github.with_ids("acme/shop", "yes") == "acme/shop"


def test_every_role_of_the_program_stays_within_the_boundary() -> None:
    made = run("prod", keys("prod") | {"github_repository": "acme/orders"})
    roles = made.all("aws:iam/role:Role")
    assert len(roles) >= 5
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/shop-prod-boundary"
    assert {role.inputs["permissionsBoundary"] for role in roles} == {boundary}
    assert made.outputs["deployer"] == f"arn:aws:iam::{ACCOUNT}:role/shop-prod-deployer"


def test_without_a_repository_no_role_can_be_assumed() -> None:
    made = run("prod", keys("prod"))
    assert "deployer" not in made.outputs
    assert [r for r in made.all("aws:iam/role:Role") if "permissionsBoundary" in r.inputs] == []
