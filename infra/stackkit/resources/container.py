"""What runs, the same on Fargate and on EC2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from stackkit.plan.plan import Plan
from stackkit.resources.collector import Collector
from stackkit.resources.policies import Statement, allow, may_log

NAME = "app"
# the image's own user; root inside a container is root for the kernel
USER = "10001"
SCRATCH_MIB = 64
# what decrypts a secret for a container that starts
_VIA = ("secretsmanager", "ssm")
# as ECS names them
ARCHITECTURES = {"arm64": "ARM64", "x86_64": "X86_64"}


@dataclass(frozen=True, kw_only=True)
class Container:
    # by digest: what was tested is what starts, on every task and after every restart
    image: pulumi.Input[str]
    # what it and the collector are pulled from, where a role is asked for
    repository_arns: Sequence[pulumi.Input[str]]
    environment: Mapping[str, pulumi.Input[str]]
    # name → ARN of a secret or parameter; ARN:key:: for one key of a JSON secret
    secrets: Mapping[str, pulumi.Input[str]]
    # keys of our own that secrets are encrypted with
    key_arns: Sequence[pulumi.Input[str]]
    # its size, its limits and how long it may take to stop
    numbers: Plan
    # runs beside it
    collector: Collector


def start_permissions(
    container: Container, log_group_arn: pulumi.Output[str], region: str
) -> list[Statement]:
    """What starting the container takes: its image, its secrets, its log. Not the service's own."""
    return [may_log(log_group_arn), *_secrets(container, region), *may_pull(container)]


def may_pull(container: Container) -> list[Statement]:
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    # a token is for the whole registry; what it opens is said by the other statement
    return [
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(pull, container.repository_arns),
    ]


def _secrets(container: Container, region: str) -> list[Statement]:
    every = [*container.secrets.values(), *container.collector.secrets.values()]
    parameters = [v for v in every if isinstance(v, str) and ":ssm:" in v]
    secrets = [v for v in every if not (isinstance(v, str) and v in parameters)]
    statements = [
        allow(["secretsmanager:GetSecretValue"], [_whole_secret(value) for value in secrets]),
        allow(
            ["kms:Decrypt"],
            container.key_arns,
            {"StringEquals": {"kms:ViaService": [f"{via}.{region}.amazonaws.com" for via in _VIA]}},
        ),
    ]
    if parameters:
        statements.append(allow(["ssm:GetParameters"], parameters))
    return statements


def _whole_secret(reference: pulumi.Input[str]) -> pulumi.Output[str]:
    """The ARN without the key, stage and version that may follow it."""
    return pulumi.Output.from_input(reference).apply(lambda arn: ":".join(arn.split(":")[:7]))
