"""A stack in its account: what every step of a delivery works on."""

from dataclasses import dataclass
from pathlib import Path

import config
from delivery import account, outputs
from delivery.account import Account
from delivery.engine import Engine
from delivery.on_ec2 import OnEc2
from delivery.on_fargate import OnFargate
from delivery.outputs import Outputs
from delivery.repository import Repository
from delivery.rollout import Rollout
from delivery.state import State
from stack_file import read_stack

INFRA = Path(__file__).absolute().parent.parent


@dataclass(frozen=True, kw_only=True)
class Stack:
    settings: config.Config
    account: Account
    state: State
    engine: Engine
    repository: Repository

    @property
    def project(self) -> Path:
        return self.engine.folder.parent

    def outputs(self) -> Outputs | None:
        return outputs.read(self.engine.outputs())

    def rollout(self, made: Outputs) -> Rollout:
        return (OnFargate if made.service else OnEc2)(self.account, made)


def find(name: str, folder: Path, complete: bool) -> Stack:
    """Read the stack's file and sign in; `Refusal` where either can't be.

    A file that isn't complete yet, such as one without an upstream, has to be good enough for what
    comes before a deployment.
    """
    file = read_stack(folder, name)
    read = config.parse if complete else config.read
    settings = read(file.project, name, file.values, file.secrets)
    signed_in = account.sign_in(file.region)
    state = State(account=signed_in, project=file.project, stack=name)
    return Stack(
        settings=settings,
        account=signed_in,
        state=state,
        engine=Engine(folder=folder, state=state),
        repository=Repository(signed_in, settings.name),
    )
