"""The deploy tool as a person types it, on the real engine."""

import subprocess
import sys

from delivering import answering
from engine.living import LivingStack
from stackkit.resources.build import build_id

# of a stack that `make bootstrap` has made, the tool knows state and key itself
_ITS_OWN = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")


def deliver(stack: LivingStack, *words: str, code: int = 0, proxy: str = "") -> str:
    """What the tool said to one of its commands, which ended with this code."""
    own = _ITS_OWN if stack.backend.startswith("s3:") else ()
    environment = {k: v for k, v in stack.environment().items() if k not in own}
    environment |= {"http_proxy": proxy, "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-m", "stackkit.tools.deploy", *words, "--stack", stack.name],
        cwd=stack.project,
        env=environment,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    return said


def deliver_ready(stack: LivingStack, command: str, build: str) -> str:
    """The same, while the service's public address tells of a build."""
    with answering([build]) as proxy:
        return deliver(stack, command, proxy=proxy)


def built(stack: LivingStack) -> str:
    return build_id(stack.project.parent)
