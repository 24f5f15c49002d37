"""The pulumi command, on one stack and its backend."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from stackkit import policy
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import account, state
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.state import State

# how far back a rollback looks
UPDATES = 100
POLICIES = ("--policy-pack", policy.__path__[0])
_LOCKED = ("is currently locked", "Another update is currently in progress", "[409]")
_MISSING = "no stack named"


@dataclass(frozen=True, kw_only=True)
class Engine:
    # infra/
    folder: Path
    state: State

    def outputs(self) -> Mapping[str, Any]:
        """Nothing before the first deployment."""
        return json.loads(self._ask("stack", "output", "--json"))

    def images(self) -> list[tuple[str, bool]]:
        """The image of each update, the newest first, and whether the update succeeded."""
        answer = self._ask("stack", "history", "--json", "--page-size", str(UPDATES))
        key = f"{self.state.project}:image"
        updates = [entry for entry in json.loads(answer) if entry["kind"] == "update"]
        return [
            (entry["config"][key]["value"], entry["result"] == "succeeded")
            for entry in updates
            if key in entry["config"]
        ]

    def check_idle(self) -> None:
        """Refuse while another run changes the stack."""
        if not self.state.elsewhere:
            self.state.check_unlocked()
        listed = json.loads(self._ask("stack", "ls", "--json", with_stack=False))
        ours = [entry for entry in listed if entry["name"].split("/")[-1] == self.state.stack]
        if not ours:
            raise ConfigError(self._no_stack())
        if ours[0].get("updateInProgress"):
            raise ConfigError(state.locked(self.state.stack, "another update"))

    def exists(self) -> bool:
        listed = json.loads(self._ask("stack", "ls", "--json", with_stack=False))
        return any(entry["name"].split("/")[-1] == self.state.stack for entry in listed)

    def init(self) -> None:
        seal = () if self.state.elsewhere else ("--secrets-provider", self.state.secrets_provider)
        self._ask("stack", "init", self.state.stack, *seal, with_stack=False)

    def up(self, image: str, message: str, guarded: bool = True) -> None:
        with self._config(image=image, guarded=guarded) as config:
            told = self._show("up", "--yes", "--refresh", "--message", message, *POLICIES, *config)
        if told is None:
            return
        if any(phrase in told for phrase in _LOCKED):
            raise DeployError(
                state.locked(self.state.stack, "another run that has begun meanwhile")
            )
        if account.expired(told):
            raise DeployError(account.EXPIRED)
        raise DeployError("`pulumi up` failed; its last lines above say why.")

    def preview(self, image: str, *options: str) -> bool:
        """Whether it went well."""
        with self._config(image=image) as config:
            return self._show("preview", *POLICIES, *config, *options) is None

    def run(self, *arguments: str) -> int:
        """Whatever a person wants of pulumi."""
        command = ["pulumi", *arguments, *self._stack]
        asked = subprocess.run(command, cwd=self.folder, env=self._environment, check=False)
        return asked.returncode

    @contextmanager
    def _config(self, **given: object) -> Iterator[Sequence[str]]:
        """The stack's file and what only this run knows: the one in git names no image."""
        values = yaml.safe_load((self.folder / f"Pulumi.{self.state.stack}.yaml").read_text())
        values["config"] |= {f"{self.state.project}:{name}": given[name] for name in given}
        with TemporaryDirectory() as folder:
            file = Path(folder, f"Pulumi.{self.state.stack}.yaml")
            file.write_text(yaml.safe_dump(values))
            yield ("--config-file", str(file))

    def _show(self, *arguments: str) -> str | None:
        """Let people watch; what was shown, if it failed."""
        command = ["pulumi", *arguments, "--non-interactive", *self._stack]
        shown: list[str] = []
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                shown.append(line)
        return "".join(shown) if process.returncode else None

    def _ask(self, *arguments: str, with_stack: bool = True) -> str:
        command = ["pulumi", *arguments, "--non-interactive", *(self._stack if with_stack else ())]
        try:
            answer = subprocess.run(
                command,
                cwd=self.folder,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise ConfigError(
                "pulumi is not installed: https://www.pulumi.com/docs/install/ says how."
            ) from None
        if answer.returncode:
            raise ConfigError(self._why(answer.stderr))
        return answer.stdout

    def _why(self, told: str) -> str:
        if _MISSING in told:
            return self._no_stack()
        if account.expired(told):
            return account.EXPIRED
        return f"pulumi can't read the stack: {' '.join(told.split())}"

    def _no_stack(self) -> str:
        name = self.state.stack
        return f"There is no stack {name} in {self.state.backend}: `make bootstrap STACK={name}`."

    @property
    def _stack(self) -> Sequence[str]:
        return ("--stack", self.state.stack)

    @property
    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            state.CHOICE: self.state.backend,
            "AWS_REGION": self.state.account.region,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
