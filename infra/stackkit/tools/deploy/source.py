"""What git knows about the folder that an image is built from."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stackkit.settings.errors import ConfigError

SHOWN = 3
ID_LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class Commit:
    id: str
    # when it was made, as RFC 3339 writes it
    time: str


def head(project: Path) -> Commit:
    """The commit that lies here, unchanged: an image of anything else could not be told apart."""
    if changed := _git(project, "status", "--porcelain", "--", ".").splitlines():
        names = ", ".join(line[3:] for line in changed[:SHOWN])
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ConfigError(
            f"What is to be deployed is not committed ({names}{more}): a build is named by its"
            " commit; commit it, or stash it."
        )
    whole, time = _git(project, "log", "-1", "--format=%H %cI").split()
    return Commit(id=whole[:ID_LENGTH], time=time)


def _git(project: Path, *arguments: str) -> str:
    try:
        outcome = subprocess.run(
            ["git", *arguments], cwd=project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ConfigError("git is not installed, and a build is named by its commit.") from None
    if outcome.returncode:
        raise ConfigError(
            f"{project} has no commit, and a build is named by its commit: git init, git add .,"
            " git commit."
        )
    return outcome.stdout
