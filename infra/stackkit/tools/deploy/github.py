"""The roles of GitHub's runs: no key is stored there, a run proves its repository instead.

The deployer is a run in the stack's environment, whose rules (approval, branches) GitHub keeps.
The reader is a run on the main branch and, of a development stack, for a pull request: what runs
for one may print the secrets that it can read. A deployment can't change any of this.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackkit.resources.delivery_permissions import (
    READERS,
    DeliveryScope,
    of_boundary,
    of_deployer,
    of_reader,
)
from stackkit.resources.policies import Statement, known_document
from stackkit.settings.config import Config
from stackkit.tools.deploy.account import Account

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
# a migration may take an hour, and the rollout half of one
SESSION_S = 10_800
# versions that IAM keeps of a policy
VERSIONS = 5


def make(account: Account, settings: Config) -> Iterator[str]:
    """What had to be made or changed: provider, boundary and roles."""
    iam = account.client("iam")
    scope = DeliveryScope(settings, account.region, account.id)
    if _make_provider(iam):
        yield "GitHub as an identity provider of the account"
    bound = of_boundary(scope, secret_arns(settings), settings.secrets_key_arn)
    if _put_policy(iam, scope.boundary, bound):
        yield f"boundary {scope.boundary}"
    repository = settings.github_repository
    main = ["ref:refs/heads/main"]
    wanted = {
        "deployer": ([f"environment:{settings.stack}"], of_deployer(scope)),
        "reader": (
            main if settings.production else ["pull_request", *main],
            {"reading": of_reader(scope)},
        ),
    }
    for purpose, (subjects, policies) in wanted.items():
        name = f"{scope.name}-{purpose}"
        arns = {scope.iam(f"policy/{name}-{kind}"): made for kind, made in policies.items()}
        changed = [arn for arn, statements in arns.items() if _put_policy(iam, arn, statements)]
        trust = _trust(scope, [f"repo:{repository}:{subject}" for subject in subjects])
        if _put_role(iam, name, trust, [*READERS, *arns]) or changed:
            yield f"role {scope.iam(f'role/{name}')}"


def secret_arns(settings: Config) -> list[str]:
    """Of the secrets and parameters that the stack's keys name, without a key or a version."""
    named = [line.partition("=")[2] for line in settings.secrets]
    given = [*named, *filter(None, [settings.otlp_headers])]
    return sorted({":".join(arn.split(":")[:7]) for arn in given})


def _make_provider(iam: Any) -> bool:
    """One for all of the account's repositories."""
    try:
        iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE])
    except iam.exceptions.EntityAlreadyExistsException:
        return False
    return True


def _trust(scope: DeliveryScope, subjects: Sequence[str]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": scope.iam(f"oidc-provider/{ISSUER}")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": list(subjects)}},
    }
    return known_document([statement])


def _put_policy(iam: Any, arn: str, statements: Sequence[Statement]) -> bool:
    """Make the policy, or a new version of it where it differs."""
    document = known_document(statements)
    try:
        current = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=document)
        return True
    version = iam.get_policy_version(PolicyArn=arn, VersionId=current)["PolicyVersion"]
    if version["Document"] == json.loads(document):
        return False
    kept = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    if len(kept) >= VERSIONS:
        unused = [entry for entry in kept if not entry["IsDefaultVersion"]]
        oldest = min(unused, key=lambda entry: entry["CreateDate"])
        iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    return True


def _put_role(iam: Any, name: str, trust: str, policies: Sequence[str]) -> bool:
    """Make the role with exactly these policies, or change what differs."""
    try:
        role: Mapping[str, Any] = iam.get_role(RoleName=name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        role = {}
    found = (role.get("AssumeRolePolicyDocument"), role.get("MaxSessionDuration"))
    same = found == (json.loads(trust), SESSION_S)
    if not same:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        iam.update_role(RoleName=name, MaxSessionDuration=SESSION_S)
    listed = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    attached = {policy["PolicyArn"] for policy in listed}
    for arn in attached - set(policies):
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    for arn in set(policies) - attached:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return not same or attached != set(policies)


def with_ids(repository: str, ids: str) -> str:
    """The repository as GitHub names it in tokens since 2026-07-15: with two ids."""
    found = re.fullmatch(r"\s*(\d+)[\s,/]+(\d+)\s*", ids)
    if found is None:
        return repository
    owner, name = repository.split("/")
    return f"{owner}@{found[1]}/{name}@{found[2]}"
