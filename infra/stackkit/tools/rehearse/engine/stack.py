"""Drives a stack by the Pulumi CLI, with the simulated account in AWS's place."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackkit.tools.rehearse.account import NOWHERE

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
class EngineStack:
    """One stack of a project; `home` is where the CLI keeps what is its own."""

    cli: Path
    project: Path
    name: str
    # the addresses of packages, as the engine reads them
    providers: str
    home: Path
    backend: str
    # answers for AWS where a provider doesn't
    api: str = NOWHERE

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
            "PULUMI_DEBUG_PROVIDERS": self.providers,
            "AWS_ENDPOINT_URL": self.api,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "NO_COLOR": "1",
        }

    def install_language_host(self) -> None:
        host = self.home / "bin" / "pulumi-language-python"
        host.parent.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("language_host.py")
        host.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}"\n')
        host.chmod(0o755)

    def init(self) -> None:
        self.install_language_host()
        self.run("stack", "init", self.name)

    def up(self, *options: str) -> list[Change]:
        return self._changes("up", "--yes", "--skip-preview", *options)

    def destroy(self) -> list[Change]:
        return self._changes("destroy", "--yes", "--skip-preview")

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
            properties = step.get("detailedDiff") or step.get("diffs") or ()
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
