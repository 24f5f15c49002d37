"""Builds and pushes by the docker command."""

import subprocess
from pathlib import Path

from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.repository import Login
from stackkit.tools.deploy.source import Commit

PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}


def check() -> None:
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ConfigError("docker is not installed, and it builds the image.") from None
    if answer.returncode:
        raise ConfigError("Docker is installed and doesn't run: start it, it builds the image.")


def build_and_push(
    project: Path, login: Login, uri: str, commit: Commit, title: str, architecture: str
) -> None:
    """`uri` has the tag. Without attestations, the tag names the image and not a list of one."""
    signed_in = subprocess.run(
        ["docker", "login", "--username", login.user, "--password-stdin", login.host],
        input=login.password,
        capture_output=True,
        text=True,
        check=False,
    )
    if signed_in.returncode:
        raise DeployError("The registry refused the login.", signed_in.stderr.splitlines())
    labels = {
        "title": title,
        "revision": commit.id,
        "version": commit.id,
        "created": commit.time,
    }
    built = subprocess.run(
        [
            *("docker", "buildx", "build", "--push", "--provenance=false"),
            *("--platform", PLATFORMS[architecture], "--tag", uri),
            *("--build-arg", f"BUILD_ID={commit.id}"),
            *(f"--label=org.opencontainers.image.{name}={value}" for name, value in labels.items()),
            ".",
        ],
        cwd=project,
        check=False,
    )
    if built.returncode:
        raise DeployError(
            "The image could not be built and pushed; docker's last lines above say why. On a"
            " processor of another kind, its emulation is needed, or `architecture` in the stack's"
            " file."
        )
