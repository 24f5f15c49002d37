"""A commit's way into production, and back."""

from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import public, source, targets
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.image import Build, Image, existing
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.stack import Stack


def deploy(stack: Stack, wanted: str = "") -> None:
    """Build, migrate, roll out, verify; what can be refused is refused before anything changes."""
    stack.engine.check_idle()
    running = stack.outputs()
    image = existing(stack.repository, wanted) if wanted else _built(stack)
    if running is None:
        # to migrate the database there has to be one, and the service doesn't start before
        running = _roll_out(stack, image, None, f"prepare for {image.build}", guarded=False)
    stack.rollout(running).migrate(image.uri)
    made = _roll_out(stack, image, running, f"deploy {image.build}")
    _verify(stack, made, image)


def roll_back(stack: Stack, wanted: str = "") -> None:
    """To the image before, without touching the schema: the one that is there fits both."""
    stack.engine.check_idle()
    running = stack.outputs()
    image = existing(stack.repository, wanted or _previous(stack))
    made = _roll_out(stack, image, running, f"roll back to {image.build}")
    _verify(stack, made, image)


def _built(stack: Stack) -> Image:
    commit = source.head(stack.project)
    build = Build(stack.repository, commit, stack.settings.architecture)
    return build.image(stack.project, stack.settings.project)


def _previous(stack: Stack) -> str:
    updates = stack.engine.images()
    if not updates:
        raise ConfigError(f"Stack {stack.settings.stack} was never deployed: there is no way back.")
    newest, _ = updates[0]
    earlier = [image for image, succeeded in updates if succeeded and image != newest]
    if not earlier:
        raise ConfigError(f"Stack {stack.settings.stack} never ran another image than {newest}.")
    return earlier[0]


def _roll_out(
    stack: Stack, image: Image, running: Outputs | None, message: str, guarded: bool = True
) -> Outputs:
    print(f"deploy: pulumi up with {image.uri}", flush=True)
    try:
        stack.engine.up(image.uri, message, guarded)
    except DeployError as failure:
        evidence = stack.rollout(running).evidence() if running else []
        raise DeployError(str(failure), evidence) from None
    made = stack.outputs()
    if made is None:
        raise DeployError(
            "`pulumi up` went well, and the stack has no outputs: look at __main__.py."
        )
    return made


def _verify(stack: Stack, made: Outputs, image: Image) -> None:
    rollout = stack.rollout(made)
    rollout.wait()
    try:
        healthy = targets.wait_until_healthy(stack.account, made.target_group)
        public.wait_until_ready(made.url, image.build)
    except DeployError as failure:
        raise DeployError(str(failure), rollout.evidence()) from None
    print(f"deploy: {made.url} runs build {image.build} on {healthy} healthy targets")
