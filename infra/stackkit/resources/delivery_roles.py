from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stackkit.resources.delivery_permissions import (
    KINDS,
    READERS,
    DeliveryScope,
    of_deployer,
    of_reader,
)
from stackkit.resources.policies import document

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class DeliveryRolesArgs:
    # owner/name
    repository: str
    # GitHub's name for where the deployer deploys
    environment: str
    region: str


class DeliveryRoles(pulumi.ComponentResource):
    """Who GitHub's runners may be: no key is stored there, a run proves its repository instead.

    The deployer is a run in the stack's environment, whose rules (approval, branches) GitHub
    keeps; the reader is a run for a pull request or on the main branch.
    """

    deployer_arn: pulumi.Output[str]
    reader_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: DeliveryRolesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:delivery:DeliveryRoles", name, None, opts)
        self._prefix = name
        self._child = pulumi.ResourceOptions(parent=self)
        # one for the whole account, which `make bootstrap` makes
        self._github = aws.iam.get_open_id_connect_provider_output(url=f"https://{ISSUER}").arn
        place = self._github.apply(
            lambda arn: DeliveryScope(name=name, region=args.region, account=arn.split(":")[4])
        )
        deployer = self._role("deployer", args.repository, [f"environment:{args.environment}"])
        for kind in KINDS:
            self._attach(deployer, kind, place.apply(lambda at, kind=kind: of_deployer(at)[kind]))
        reader = self._role("reader", args.repository, ["pull_request", "ref:refs/heads/main"])
        self._attach(reader, "reading", place.apply(of_reader))
        self.deployer_arn = deployer.arn
        self.reader_arn = reader.arn
        self.register_outputs({"deployer": deployer.arn, "reader": reader.arn})

    def _role(self, purpose: str, repository: str, subjects: Sequence[str]) -> aws.iam.Role:
        proved = {
            f"{ISSUER}:aud": AUDIENCE,
            f"{ISSUER}:sub": [f"repo:{repository}:{subject}" for subject in subjects],
        }
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": self._github},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": proved},
        }
        role = aws.iam.Role(
            f"{self._prefix}-{purpose}",
            aws.iam.RoleArgs(assume_role_policy=document(trust)),
            opts=self._child,
        )
        for number, policy in enumerate(READERS):
            aws.iam.RolePolicyAttachment(
                f"{self._prefix}-{purpose}-{number}",
                aws.iam.RolePolicyAttachmentArgs(role=role.name, policy_arn=policy),
                opts=self._child,
            )
        return role

    def _attach(self, role: aws.iam.Role, what: str, statements: pulumi.Output[Any]) -> None:
        policy = aws.iam.Policy(
            f"{self._prefix}-{what}",
            aws.iam.PolicyArgs(policy=statements.apply(lambda known: document(*known))),
            opts=self._child,
        )
        aws.iam.RolePolicyAttachment(
            f"{self._prefix}-{what}",
            aws.iam.RolePolicyAttachmentArgs(role=role.name, policy_arn=policy.arn),
            opts=self._child,
        )
