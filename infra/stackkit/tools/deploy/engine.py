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
from stackkit.resources import last_deployment
from stackkit.settings.errors import ConfigError
from stackkit.tools.deploy import account, state
from stackkit.tools.deploy.errors import DeployError
from stackkit.tools.deploy.state import State

POLICIES = ("--policy-pack", policy.__path__[0])
LOCKED = ("is currently locked", "Another update is currently in progress", "[409]")
_MISSING = "no stack named"


@dataclass(frozen=True, kw_only=True)
class Engine:
    # infra/
    folder: Path
    state: State

    def outputs(self) -> Mapping[str, Any]:
        """Nothing before the first deployment."""
        return json.loads(self._ask("stack", "output", "--json"))

    def check_idle(self) -> None:
        """Refuse while another run changes the stack."""
        if not self.state.elsewhere:
            self.state.check_unlocked()
        listed = self.listed()
        if not listed:
            raise ConfigError(self._no_stack())
        if listed[0].get("updateInProgress"):
            raise ConfigError(state.locked(self.state.stack, "another update"))

    def listed(self) -> Sequence[Mapping[str, Any]]:
        """The stack as the backend lists it; empty where it has none."""
        listed = json.loads(self._ask("stack", "ls", "--json", with_stack=False))
        return [entry for entry in listed if entry["name"].split("/")[-1] == self.state.stack]

    def init(self) -> None:
        seal = () if self.state.elsewhere else ("--secrets-provider", self.state.secrets_provider)
        self._ask("stack", "init", self.state.stack, *seal, with_stack=False)

    def up(self, image: str, message: str) -> None:
        """Update with what AWS has, not with what the state remembers; `image` "" builds one."""
        options = ("--yes", "--refresh", "--message", message, *POLICIES)
        with self._config(image) as config:
            code, told = self.show("up", *options, *config)
        if code == 0:
            return
        if any(phrase in told for phrase in LOCKED):
            raise DeployError(
                state.locked(self.state.stack, "another run that has begun meanwhile")
            )
        if account.expired(told):
            raise DeployError(account.EXPIRED)
        raise DeployError("`pulumi up` failed; its last lines above say why.")

    def preview(self) -> int:
        return self.show("preview", "--diff", *POLICIES)[0]

    def drift(self) -> int:
        """Compare AWS with the state; the program and its image play no part."""
        return self.show("refresh", "--preview-only", "--expect-no-changes", "--diff")[0]

    def run(self, *arguments: str) -> int:
        command = ["pulumi", *arguments, *self._stack]
        asked = subprocess.run(command, cwd=self.folder, env=self._environment, check=False)
        return asked.returncode

    @contextmanager
    def _config(self, image: str) -> Iterator[Sequence[str]]:
        """The stack's file, or for one run a copy that names another image."""
        if not image:
            yield ()
            return
        name = f"Pulumi.{self.state.stack}.yaml"
        values = yaml.safe_load((self.folder / name).read_text())
        values["config"][f"{self.state.project}:image"] = image
        with TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.write_text(yaml.safe_dump(values))
            yield ("--config-file", str(file))

    def show(self, *arguments: str) -> tuple[int, str]:
        """Let people watch; the exit code, and what was shown."""
        command = ["pulumi", *arguments, "--non-interactive", *self._stack]
        shown: list[str] = []
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self._environment, last_deployment.COMMAND: "make deploy"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                shown.append(line)
        return process.returncode, "".join(shown)

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
