"""The image to deploy: built from a commit, or one that the stack's repository has."""

from dataclasses import dataclass
from pathlib import Path

from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import docker
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.repository import Repository, Stored
from stackkit.tools.deploy.source import Commit


@dataclass(frozen=True, kw_only=True)
class Image:
    # with its digest
    uri: str
    # what the service says on /ready
    build: str


def existing(repository: Repository, wanted: str) -> Image:
    """`wanted` is a digest, or a URI with one."""
    ours = repository.uri
    uri, _, digest = wanted.rpartition("@")
    if uri and uri != ours:
        raise ConfigError(f"{wanted} does not lie in the stack's repository {ours}.")
    if not digest.startswith("sha256:"):
        raise ConfigError(f"{wanted} is not a digest: use sha256:…, as ECR shows it.")
    return _image(repository, repository.by_digest(digest))


class Build:
    """A commit's image for one processor, made unless the repository has it."""

    def __init__(self, repository: Repository, commit: Commit, architecture: str) -> None:
        self._repository = repository
        self._commit = commit
        self._architecture = architecture
        self._tag = f"{commit.id}-{architecture}"
        self._uri = f"{repository.uri}:{self._tag}"
        self.stored = repository.tagged(self._tag)
        if self.stored is None:
            docker.check()

    def image(self, project: Path, title: str) -> Image:
        if self.stored is not None:
            print(f"deploy: commit {self._commit.id} has its image already")
            return _image(self._repository, self.stored)
        print(f"deploy: building {self._uri}", flush=True)
        login = self._repository.login()
        docker.build_and_push(project, login, self._uri, self._commit, title, self._architecture)
        pushed = self._repository.tagged(self._tag)
        if pushed is None:
            raise DeployError(f"docker pushed {self._uri}, and the repository doesn't have it.")
        return _image(self._repository, pushed)


def _image(repository: Repository, stored: Stored) -> Image:
    build, _, architecture = stored.tag.rpartition("-")
    if architecture not in docker.PLATFORMS:
        raise ConfigError(
            f"{stored.digest} has no tag that names its build: `make deploy` makes one."
        )
    return Image(uri=f"{repository.uri}@{stored.digest}", build=build)
