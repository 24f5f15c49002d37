"""Drives a stack by the Pulumi CLI, with the simulated account in AWS's place."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackkit.tools.rehearse.account import Call

# the folder that holds stackkit
_PACKAGES = Path(__file__).absolute().parents[4]
_LANGUAGE_HOST = """\
#!/bin/sh
exec "{python}" "{host}"
"""
# operations that leave a resource as it is, or are a part of "replace"
_NO_CHANGE = {"same", "refresh", "read", "create-replacement", "delete-replaced"}


@dataclass(frozen=True)
class Change:
    operation: str
    type: str
    name: str
    # properties that differ
    properties: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operation} {self.type} {self.name} {' '.join(self.properties)}".rstrip()


class CommandFailed(Exception):
    """A command of the CLI that did not end well; its output is the message."""


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
def simulated_account(
    region: str, project: Path, settings: str = "", module: str = "stackkit.tools.rehearse.engine"
) -> Iterator[RunningAccount]:
    """A process that answers for AWS and for the providers; its resources end with it.

    `settings` is a stack's project, stack, values and secrets as JSON: the account then holds what
    they name and the program doesn't make.
    """
    command = [sys.executable, "-m", module, region, str(project)]
    command += [settings] if settings else []
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process: Any
    with subprocess.Popen(command, cwd=_PACKAGES, text=True, **pipes) as process:
        yield RunningAccount(**json.loads(process.stdout.readline()), process=process)
        process.stdin.close()


@dataclass(frozen=True, kw_only=True)
class EngineStack:
    """One stack of a project; `home` is where the CLI keeps what is its own."""

    cli: Path
    project: Path
    name: str
    account: RunningAccount
    home: Path
    backend: str

    def environment(self) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        folder = self.home / "bin"
        return kept | {
            "PATH": f"{folder}:{self.cli.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.project.parent / "vendor"),
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_PROVIDERS": self.account.providers,
            "AWS_ENDPOINT_URL": self.account.api,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "NO_COLOR": "1",
        }

    def install_language_host(self) -> None:
        host = self.home / "bin" / "pulumi-language-python"
        host.parent.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("language_host.py")
        host.write_text(_LANGUAGE_HOST.format(python=sys.executable, host=script))
        host.chmod(0o755)

    def init(self, *options: str) -> None:
        self.install_language_host()
        self.run("stack", "init", self.name, *options)

    def set(self, **values: str) -> None:
        """Write keys into the stack's file."""
        pairs = [
            word for key, value in values.items() for word in ("--plaintext", f"{key}={value}")
        ]
        if pairs:
            self.run("config", "set-all", "--stack", self.name, *pairs)

    def up(self, *options: str) -> list[Change]:
        return self._changes("up", "--yes", "--skip-preview", *options)

    def refresh(self) -> list[Change]:
        """What differs between the account and the state, which then follows the account."""
        return self._changes("refresh", "--yes", "--skip-preview", event="resOutputsEvent")

    def destroy(self) -> list[Change]:
        return self._changes("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "output", "--json", "--stack", self.name))

    def inputs(self, kind: str) -> dict[str, Any]:
        """The inputs of a type's only resource, as the state has them."""
        state = json.loads(self.run("stack", "export", "--stack", self.name))
        [found] = [r for r in state["deployment"]["resources"] if r["type"] == kind]
        return found["inputs"]

    def _changes(self, *command: str, event: str = "resourcePreEvent") -> list[Change]:
        output = self.run(*command, "--json", "--stack", self.name)
        return sorted(_changes(output, event), key=str)

    def run(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            output, errors = process.communicate()
        if process.returncode:
            command = f"pulumi {' '.join(arguments)}"
            raise CommandFailed(f"{command}:\n{_messages(output)}{errors}")
        return output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.cli), *arguments, "--non-interactive"],
            cwd=self.project,
            env=dict(self.environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _changes(output: str, event_name: str) -> Iterator[Change]:
    for event in _events(output):
        step = event.get(event_name, {}).get("metadata")
        if step and step["op"] not in _NO_CHANGE:
            properties = step.get("detailedDiff") or {}
            _, _, kind, name = step["urn"].split("::")
            yield Change(step["op"], kind.rpartition("$")[2], name, tuple(sorted(properties)))


def _messages(output: str) -> str:
    """The errors among events; output of other kinds as it is."""
    found = [event.get("diagnosticEvent", {}) for event in _events(output)]
    lines = [entry["message"] for entry in found if entry.get("severity") == "error"]
    return "".join(lines) or output


def _events(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
