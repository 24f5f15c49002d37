"""`pulumi up`, then a look at what runs; and back to the image before."""

import subprocess

from stackkit.resources.build import build_id, committed
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import public, targets
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.repository import Repository
from stackkit.tools.deploy.stack import Stack


def deploy(stack: Stack, wanted: str = "") -> None:
    """Update and verify; what can be refused is refused before anything changes."""
    stack.engine.check_idle()
    image = ""
    if wanted:
        image = _checked(stack, stack.deployed(), wanted)
    elif not stack.settings.image:
        _check_build(stack)
    _update(stack, image, f"deploy {image or build_id(stack.project)}")


def roll_back(stack: Stack, wanted: str = "") -> None:
    """To the image before. The schema stays: it fits both."""
    stack.engine.check_idle()
    running = stack.deployed()
    repository = Repository(stack.account, running.repository)
    image = _checked(stack, running, wanted or repository.previous(running.deployments))
    _update(stack, image, f"roll back to {image}")


def _checked(stack: Stack, running: Outputs, wanted: str) -> str:
    """The URI of an image that this stack can run."""
    image = Repository(stack.account, running.repository).image(wanted)
    if image.architecture != stack.settings.architecture:
        raise ConfigError(
            f"{wanted} is of {image.architecture} and the stack runs on"
            f" {stack.settings.architecture}: choose an image of that processor."
        )
    return image.uri


def _check_build(stack: Stack) -> None:
    build = build_id(stack.project)
    if stack.settings.production and not committed(build):
        raise ConfigError(
            f"What production would run is not committed ({build}): a build is named by its"
            " commit; commit it, or stash it."
        )
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False)
    except FileNotFoundError:
        raise ConfigError("docker is not installed, and it builds the image.") from None
    if answer.returncode:
        raise ConfigError("Docker is installed and doesn't run: start it, it builds the image.")


def _update(stack: Stack, image: str, message: str) -> None:
    running = stack.outputs()
    if running and stack.settings.rollout == "rolling":
        _check_target_group(stack, running)
    try:
        stack.engine.up(image, message)
    except DeployError as failure:
        evidence = stack.rollout(running).evidence() if running else []
        raise DeployError(str(failure), evidence) from None
    _verify(stack, stack.deployed())


def _check_target_group(stack: Stack, running: Outputs) -> None:
    """Without canary deployments only the first target group stays."""
    if any(targets.targets(stack.account, group) for group in running.target_groups[1:]):
        raise ConfigError(
            "rollout: the last canary deployment has left the service in the target group that"
            " rolling removes; deploy once more with canary, then set rolling."
        )


def _verify(stack: Stack, made: Outputs) -> None:
    repository = Repository(stack.account, made.repository)
    # another registry's image says no build that could be compared
    build = repository.image(made.image).build if repository.holds(made.image) else ""
    rollout = stack.rollout(made)
    rollout.wait()
    try:
        groups = made.target_groups or [made.target_group]
        healthy = targets.wait_until_healthy(stack.account, groups)
        _look_from_outside(stack, made.url, build)
    except DeployError as failure:
        raise DeployError(str(failure), rollout.evidence()) from None
    if build:
        repository.mark_deployed(made.image)
    print(f"deploy: {made.url} runs {build or made.image} on {healthy} healthy targets")


def _look_from_outside(stack: Stack, url: str, build: str) -> None:
    """Say so where the stack's own keys keep us from looking."""
    settings = stack.settings
    if settings.public or public.reachable(url):
        public.wait_until_ready(url, build)
        return
    key = "internal" if settings.internal else "allow_from"
    print(f"deploy: not checked that {url}/ready answers: {key} keeps it out of reach from here")
