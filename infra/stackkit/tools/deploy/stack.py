"""A stack in its account: what every step of a delivery works on."""

from dataclasses import dataclass
from pathlib import Path

from stackkit.settings import config, conflicts
from stackkit.settings.errors import ConfigError
from stackkit.settings.stack_file import read_stack
from stackkit.tools.deploy import account, outputs
from stackkit.tools.deploy.account import Account
from stackkit.tools.deploy.engine import Engine
from stackkit.tools.deploy.on_ec2 import OnEc2
from stackkit.tools.deploy.on_fargate import OnCanary, OnFargate
from stackkit.tools.deploy.outputs import Outputs
from stackkit.tools.deploy.state import State


@dataclass(frozen=True, kw_only=True)
class Stack:
    settings: config.Config
    account: Account
    engine: Engine

    @property
    def project(self) -> Path:
        return self.engine.folder.parent

    def outputs(self) -> Outputs | None:
        return outputs.read(self.engine.outputs())

    def deployed(self) -> Outputs:
        if made := self.outputs():
            return made
        raise ConfigError(f"Stack {self.settings.stack} was never deployed: `make deploy` does it.")

    def rollout(self, made: Outputs) -> OnFargate | OnEc2:
        if not made.service:
            return OnEc2(self.account, made)
        canary = self.settings.rollout == "canary"
        return (OnCanary if canary else OnFargate)(self.account, made)


def find(name: str, folder: Path, complete: bool) -> Stack:
    """Read the stack's file and sign in; `ConfigError` where either can't be.

    A file that isn't complete yet, such as one without a domain, is good enough for what comes
    before a deployment.
    """
    file = read_stack(folder, name)
    settings = config.read(file.project, name, file.values, file.secrets)
    if complete:
        conflicts.check(settings)
    signed_in = account.sign_in(file.region)
    state = State(account=signed_in, project=file.project, stack=name)
    engine = Engine(folder=folder, state=state)
    return Stack(settings=settings, account=signed_in, engine=engine)
