"""Stands in for the provider of pulumi-command: runs the commands of a program on this machine."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stackkit.tools.rehearse.engine.wire import Values


class CommandError(Exception):
    """A command that failed; the message ends with its output."""


@dataclass(frozen=True, kw_only=True)
class CommandRunner:
    # where `pulumi up` was typed
    folder: Path
    # the address of the simulated account
    api: str

    def run(self, inputs: Values, step: str) -> Values:
        """Run the command of a step, create, update or delete, if there is one."""
        command = inputs.get(step)
        if not command:
            return {}
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=os.environ
            | {"AWS_ENDPOINT_URL": self.api, "PYTHONPATH": str(self.folder.parent / "vendor")}
            | inputs.get("environment", {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stdout + done.stderr
            raise CommandError(f"exit status {done.returncode}: running {command!r}:\n{said}")
        return {"stdout": done.stdout.rstrip("\n"), "stderr": done.stderr.rstrip("\n")}
