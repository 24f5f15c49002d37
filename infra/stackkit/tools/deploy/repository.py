"""The images of a stack's repository in ECR."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from stackkit.resources.image import KEPT_IMAGES, PLATFORMS
from stackkit.resources.last_deployment import PLAIN
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy.account import Account

# begins the tags of images whose deployment was verified; the time follows
DEPLOYED = "deployed-"


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    # with its digest
    uri: str
    # what the service says on /ready
    build: str
    architecture: str


class Repository:
    """Tags say which build an image is, for which processor, and when it was deployed."""

    def __init__(self, account: Account, url: str) -> None:
        self._ecr = account.client("ecr")
        self._url = url
        self._name = url.partition("/")[2]

    def image(self, wanted: str) -> StoredImage:
        """The image of a digest, or of a URI with one."""
        url, _, digest = wanted.rpartition("@")
        if url and url != self._url:
            raise ConfigError(f"{wanted} does not lie in the stack's repository {self._url}.")
        if not digest.startswith("sha256:"):
            raise ConfigError(f"{wanted} is not a digest: use sha256:…, as ECR shows it.")
        for tag in self._tags(digest):
            build, _, architecture = tag.rpartition("-")
            if architecture in PLATFORMS:
                uri = f"{self._url}@{digest}"
                return StoredImage(uri=uri, build=build, architecture=architecture)
        raise ConfigError(f"{digest} has no tag that names its build: `make deploy` makes one.")

    def holds(self, uri: str) -> bool:
        return uri.startswith(f"{self._url}@")

    def previous(self, deployments: Sequence[Mapping[str, str]]) -> str:
        """The image before the newest; none that came to be verified, and was not."""
        for image, by in ((each["image"], each["by"]) for each in deployments[1:]):
            tags = self._tags(image.rpartition("@")[2])
            if by == PLAIN or any(tag.startswith(DEPLOYED) for tag in tags):
                return image
        raise ConfigError(
            "The stack remembers no image before this one that served: name one by its digest,"
            " IMAGE=sha256:…."
        )

    def mark_deployed(self, uri: str) -> None:
        digest = uri.rpartition("@")[2]
        found = self._ecr.batch_get_image(
            repositoryName=self._name, imageIds=[{"imageDigest": digest}]
        )["images"][0]
        self._ecr.put_image(
            repositoryName=self._name,
            imageManifest=found["imageManifest"],
            imageManifestMediaType=found["imageManifestMediaType"],
            imageTag=f"{DEPLOYED}{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        )

    def _tags(self, digest: str) -> list[str]:
        try:
            found = self._ecr.describe_images(
                repositoryName=self._name, imageIds=[{"imageDigest": digest}]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ImageNotFoundException":
                raise
            raise ConfigError(
                f"The repository {self._name} holds no image {digest}: it keeps the newest"
                f" {KEPT_IMAGES}; build that commit again."
            ) from None
        return found["imageDetails"][0].get("imageTags", [])
