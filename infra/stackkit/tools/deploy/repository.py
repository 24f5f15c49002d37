"""The stack's repository of images in ECR."""

import base64
import json
from dataclasses import dataclass
from functools import cached_property

from botocore.exceptions import ClientError

from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy.account import Account

# enough to roll back to
KEPT_IMAGES = 100


@dataclass(frozen=True, kw_only=True)
class Login:
    host: str
    user: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Stored:
    digest: str
    tag: str


class Repository:
    """Tags name a build and its processor, and can't be moved to another image."""

    def __init__(self, account: Account, name: str) -> None:
        self._ecr = account.client("ecr")
        self.name = name

    @cached_property
    def uri(self) -> str:
        try:
            found = self._ecr.describe_repositories(repositoryNames=[self.name])
        except self._ecr.exceptions.RepositoryNotFoundException:
            raise ConfigError(
                f"There is no repository {self.name} for the image: `make bootstrap` makes it."
            ) from None
        return found["repositories"][0]["repositoryUri"]

    def tagged(self, tag: str) -> Stored | None:
        return self._find({"imageTag": tag})

    def by_digest(self, digest: str) -> Stored:
        found = self._find({"imageDigest": digest})
        if found is None:
            raise ConfigError(
                f"The repository {self.name} holds no image {digest}: it keeps the newest"
                f" {KEPT_IMAGES}; build that commit again."
            )
        return found

    def login(self) -> Login:
        [granted] = self._ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
        return Login(host=granted["proxyEndpoint"], user=user, password=password)

    def make(self) -> bool:
        """Whether it had to be made."""
        try:
            self._ecr.create_repository(
                repositoryName=self.name,
                imageTagMutability="IMMUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
                encryptionConfiguration={"encryptionType": "AES256"},
            )
            made = True
        except self._ecr.exceptions.RepositoryAlreadyExistsException:
            made = False
        self._ecr.put_lifecycle_policy(
            repositoryName=self.name, lifecyclePolicyText=json.dumps(_lifecycle())
        )
        return made

    def _find(self, image: dict[str, str]) -> Stored | None:
        try:
            found = self._ecr.describe_images(repositoryName=self.name, imageIds=[image])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ImageNotFoundException":
                return None
            raise
        [details] = found["imageDetails"]
        return Stored(digest=details["imageDigest"], tag=details.get("imageTags", [""])[0])


def _lifecycle() -> dict[str, object]:
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
    return {"rules": [untagged, old]}
