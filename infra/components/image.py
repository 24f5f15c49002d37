import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

KEPT_IMAGES = 100
PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    context: Path
    architecture: str
    destroyable: bool


class Image(pulumi.ComponentResource):
    """The service's image, built from the project and named by its digest."""

    uri: pulumi.Output[str]
    repository_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("service:image:Image", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            name,
            aws.ecr.RepositoryArgs(
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(
                    scan_on_push=True
                ),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")
                ],
                force_delete=args.destroyable,
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=not args.destroyable),
        )
        aws.ecr.LifecyclePolicy(
            name,
            aws.ecr.LifecyclePolicyArgs(repository=repository.name, policy=_lifecycle()),
            opts=child,
        )
        platform = PLATFORMS[args.architecture]
        image = awsx.ecr.Image(
            name,
            awsx.ecr.ImageArgs(
                repository_url=repository.repository_url,
                # from where the program runs, the same on every machine
                context=os.path.relpath(args.context),
                platform=platform,
                image_tag=content_tag(args.context, platform),
            ),
            opts=child,
        )
        self.uri = image.image_uri
        self.repository_arn = repository.arn
        self.register_outputs({"uri": self.uri})


def repository_arn(uri: str) -> str | None:
    """The ECR repository that an image's URI names, or None: another registry asks for no role."""
    in_ecr = re.match(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)", uri)
    if in_ecr is None:
        return None
    account, region, repository = in_ecr.groups()
    return f"arn:aws:ecr:{region}:{account}:repository/{repository}"


def content_tag(context: Path, platform: str) -> str:
    """A tag that follows from what is built: tags are immutable, so new content needs a new one."""
    digest = hashlib.sha256(platform.encode())
    for path in sorted(_sources(context)):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(context).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _sources(context: Path) -> Iterator[Path]:
    """The Dockerfile and what .dockerignore lets through, one `!name` for each."""
    yield context / "Dockerfile"
    for line in (context / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            kept = context / line[1:]
            found = kept.rglob("*") if kept.is_dir() else [kept]
            yield from (
                path for path in found if path.is_file() and "__pycache__" not in path.parts
            )


def _lifecycle() -> str:
    untagged = {
        "rulePriority": 1,
        "description": "Left over from interrupted pushes",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": 7,
        },
        "action": {"type": "expire"},
    }
    old = {
        "rulePriority": 2,
        "description": "Enough to roll back to",
        "selection": {
            "tagStatus": "any",
            "countType": "imageCountMoreThan",
            "countNumber": KEPT_IMAGES,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged, old]})
