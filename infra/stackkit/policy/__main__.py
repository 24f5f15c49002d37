"""The policy pack that `pulumi up --policy-pack policy` starts."""

from typing import Any

import pulumi
from pulumi.runtime import set_config
from pulumi_policy import EnforcementLevel, PolicyPack
from pulumi_policy.policy import _PolicyAnalyzerServicer as Servicer

from stackkit.policy.pack import NAME, POLICIES


def read_stack_config() -> None:
    """Let policies read the stack's keys.

    Newer engines (3.274) send the keys by ConfigureStack, which pulumi-policy 1.21 ignores; older
    ones set PULUMI_CONFIG.
    """
    patched: Any = Servicer
    configure_stack = patched.ConfigureStack

    def configure(servicer: Servicer, request: Any, context: Any) -> Any:
        pulumi.runtime.configure(pulumi.runtime.Settings(request.project, request.stack))
        for key, value in request.config.items():
            set_config(key, value)
        return configure_stack(servicer, request, context)

    patched.ConfigureStack = configure


if __name__ == "__main__":
    read_stack_config()
    PolicyPack(name=NAME, policies=POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
