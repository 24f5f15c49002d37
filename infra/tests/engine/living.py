"""A stack that changes, in a simulated account that is a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import INFRA
from stackkit.tools.rehearse.account import Call
from stackkit.tools.rehearse.engine.stack import Change, EngineStack


@dataclass(frozen=True, kw_only=True)
class RunningAccount:
    """A simulated account, by its addresses and its process."""

    api: str
    providers: str
    process: Any

    def calls(self) -> list[Call]:
        """What the providers have asked of AWS so far."""
        print(file=self.process.stdin, flush=True)
        return [Call(**entry) for entry in json.loads(self.process.stdout.readline())]


@contextmanager
def simulated_account(region: str, project: Path, settings: str) -> Iterator[RunningAccount]:
    """A process that answers for AWS and for the providers; its resources end with it.

    `settings` is a stack's project, stack, values and secrets as JSON: the account then holds what
    they name and the program doesn't make.
    """
    command = [sys.executable, "-m", "engine.account", region, str(project), settings]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": f"{INFRA}:{INFRA / 'tests'}"}
    process: Any
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        yield RunningAccount(**json.loads(process.stdout.readline()), process=process)
        process.stdin.close()


@dataclass(frozen=True, kw_only=True)
class LivingStack(EngineStack):
    account: RunningAccount

    def set(self, **values: str) -> None:
        """Write keys into the stack's file."""
        pairs = [
            word for key, value in values.items() for word in ("--plaintext", f"{key}={value}")
        ]
        if pairs:
            self.run("config", "set-all", "--stack", self.name, *pairs)

    def refresh(self) -> list[Change]:
        """What differs between the account and the state, which then follows the account."""
        return self._changes("refresh", "--yes", "--skip-preview", event="resOutputsEvent")

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "output", "--json", "--stack", self.name))

    def inputs(self, kind: str) -> dict[str, Any]:
        """The inputs of a type's only resource, as the state has them."""
        state = json.loads(self.run("stack", "export", "--stack", self.name))
        [found] = [r for r in state["deployment"]["resources"] if r["type"] == kind]
        return found["inputs"]
