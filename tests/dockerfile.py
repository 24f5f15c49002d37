"""Follows a Dockerfile without Docker: its own steps, in a folder that stands in for the image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Instruction = tuple[str, str]
# Reads whatever root may, which an interpreter in root's home needs, and writes nothing more.
AS_NOBODY = (
    *("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    "--securebits=+no_setuid_fixup",
)


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    folder: Path
    environment: Mapping[str, str]
    command: Sequence[str]
    health_check: Sequence[str]
    user: str

    def start(
        self, command: Sequence[str], given: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """As the image's user would be: unprivileged, and with nothing that it may write."""
        prefix = AS_NOBODY if os.geteuid() == 0 else ()
        with log.open("ab") as output:
            return subprocess.Popen(
                [*prefix, *command],
                cwd=self.folder / "service",
                env={**self.environment, **given},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, command: Sequence[str], given: Mapping[str, str], log: Path) -> int:
        return self.start(command, given, log).wait(60)


def build(project: Path, folder: Path, arguments: Mapping[str, str]) -> BuiltImage:
    """The last stage, with what the first one made."""
    instructions = _instructions((project / "Dockerfile").read_text())
    last = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    (folder / "service").mkdir(parents=True)
    for word, rest in instructions[:last]:
        if word == "COPY":
            _copy(project, folder / "service", rest)
        if word == "RUN":
            _run(rest, folder)
    final = dict(instructions[last:])
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)
    return BuiltImage(
        folder=folder,
        environment=_environment(final["ENV"], folder, arguments),
        command=json.loads(final["CMD"]),
        health_check=json.loads(final["HEALTHCHECK"].partition("CMD")[2]),
        user=final["USER"],
    )


def _instructions(text: str) -> list[Instruction]:
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split()[0], line.partition(" ")[2]) for line in whole.splitlines() if line]


def _copy(project: Path, to: Path, rest: str) -> None:
    source, target = rest.split()
    if (project / source).is_dir():
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / source, to / target, ignore=unwanted)
    else:
        shutil.copy(project / source, to / source)


def _run(command: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    outcome = subprocess.run(
        command.replace("/venv", str(folder / "venv")),
        shell=True,
        cwd=folder / "service",
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def _environment(rest: str, folder: Path, arguments: Mapping[str, str]) -> dict[str, str]:
    known = {"PATH": os.environ["PATH"], **arguments}
    pairs = dict(entry.split("=", 1) for entry in shlex.split(rest))
    filled = {
        name: re.sub(r"\$(\w+)", lambda found: known[found[1]], value)
        for name, value in pairs.items()
    }
    return filled | {"PATH": filled["PATH"].replace("/venv", str(folder / "venv"))}
