"""How the service's container and its machine are confined."""

import re
from collections.abc import Iterator

from pulumi_policy import EnforcementLevel, ResourceValidationArgs

from stackkit.policy.containers import KINDS, TASK, TEMPLATE, containers
from stackkit.policy.rules import resource_policy

BUILDER = "aws:imagebuilder/infrastructureConfiguration:InfrastructureConfiguration"
# where each type keeps its metadata service's settings
METADATA = {TEMPLATE: "metadataOptions", BUILDER: "instanceMetadataOptions"}
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|(API|PRIVATE|ACCESS)_?KEY)$")
# a password in a URL, or the id of an AWS access key
SECRET_VALUE = re.compile(r"://[^/@\s:]*:[^/@\s]+@|\b(AKIA|ASIA)[0-9A-Z]{16}\b")
ROOT = ("", "0", "root")


@resource_policy("metadata-token", METADATA)
def metadata_wants_a_token(args: ResourceValidationArgs) -> Iterator[str]:
    """Instance metadata requires a token (IMDSv2)."""
    where = METADATA[args.resource_type]
    options = args.props.get(where) or {}
    if options.get("httpTokens") != "required":
        yield f"{where}.httpTokens is not required; set it: IMDSv1 hands its role to any request."
    if options.get("httpPutResponseHopLimit") != 1:
        yield (
            f"{where}.httpPutResponseHopLimit is not 1; set it: a container is a hop away and must"
            " not borrow the instance's role."
        )


@resource_policy("no-plain-secrets", KINDS)
def secrets_are_references(args: ResourceValidationArgs) -> Iterator[str]:
    """Secrets reach a container by reference."""
    for container in containers(args.resource_type, args.props):
        names = [
            name
            for name, value in container.environment.items()
            if value and (SECRET_NAME.search(name.upper()) or SECRET_VALUE.search(value))
        ]
        if names:
            # never the value: this is printed
            yield (
                f"{', '.join(names)} in {container.name} looks like a secret in plain text; put it"
                " into Secrets Manager and name its ARN in the stack's `secrets`."
            )


@resource_policy("container-confined", (TASK,))
def containers_are_confined(args: ResourceValidationArgs) -> Iterator[str]:
    """Containers have no root, no privileges and nothing to write to."""
    for container in containers(args.resource_type, args.props):
        definition = container.definition
        if definition.get("privileged"):
            yield f"{container.name} is privileged; leave it out."
        if not definition.get("readonlyRootFilesystem"):
            yield f"{container.name} may write to its image; set readonlyRootFilesystem to true."
        if str(definition.get("user", "")).partition(":")[0] in ROOT:
            yield f"{container.name} runs as root; name the image's own user."


@resource_policy("image-by-digest", (TASK,), EnforcementLevel.ADVISORY)
def images_are_fixed(args: ResourceValidationArgs) -> Iterator[str]:
    """Tasks start the image that was tested."""
    for container in containers(args.resource_type, args.props):
        image = container.definition.get("image", "")
        if "@sha256:" not in image:
            yield f"{image} can change between two tasks; name the image by its digest."


@resource_policy("logs-expire", (LOG_GROUP,))
def logs_expire(args: ResourceValidationArgs) -> Iterator[str]:
    """Logs are kept for a time."""
    if not args.props.get("retentionInDays"):
        yield "retentionInDays is not set, so logs are kept and paid for ever; set log_days."
