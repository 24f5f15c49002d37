"""What the program would change, with the image that runs."""

from stackkit.tools.deploy.stack import Stack

# before the first deployment: a preview asks no registry
NO_IMAGE = f"none@sha256:{'0' * 64}"


def preview(stack: Stack) -> int:
    return 0 if stack.engine.preview(_image(stack), "--diff") else 1


def drift(stack: Stack) -> int:
    """Compare with what AWS has, not only with what Pulumi remembers."""
    options = ("--refresh", "--expect-no-changes", "--diff")
    return 0 if stack.engine.preview(_image(stack), *options) else 1


def _image(stack: Stack) -> str:
    running = stack.outputs()
    return running.image if running else NO_IMAGE
