"""What an update would change, and what other hands have changed."""

from stackkit.tools.deploy.engine import POLICIES
from stackkit.tools.deploy.stack import Stack


def preview(stack: Stack) -> int:
    return stack.engine.show("preview", "--diff", *POLICIES)[0]


def drift(stack: Stack) -> int:
    """Compare AWS with the state; the program and its image play no part."""
    return stack.engine.show("refresh", "--preview-only", "--expect-no-changes", "--diff")[0]
