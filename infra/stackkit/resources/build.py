"""Which version of the service lies in the project's folder, as git knows it."""

import subprocess
from pathlib import Path

ID_LENGTH = 12
DIRTY = "-dirty"
# a folder without a commit
UNCOMMITTED = "uncommitted"
RECIPE = ("Dockerfile", ".dockerignore")


def build_id(project: Path) -> str:
    """The newest commit that changed the image's content; `-dirty` with changes on top of it.

    A commit that changes other files, such as a stack's, leaves the image as it is.
    """
    paths = image_paths(project)
    commit = _git(project, "log", "-1", "--format=%H", "--", *paths)
    if not commit:
        return UNCOMMITTED
    changed = _git(project, "status", "--porcelain", "--", *paths)
    return commit[:ID_LENGTH] + (DIRTY if changed else "")


def committed(build: str) -> bool:
    return build != UNCOMMITTED and not build.endswith(DIRTY)


def image_paths(project: Path) -> list[str]:
    """What .dockerignore lets into the image, and how the image is made."""
    file = project / ".dockerignore"
    if not file.exists():
        return ["."]
    lines = file.read_text().splitlines()
    return [*RECIPE, *(line[1:] for line in lines if line.startswith("!"))]


def _git(project: Path, *arguments: str) -> str:
    """What git answers; "" without git, or outside a repository."""
    try:
        outcome = subprocess.run(
            ["git", *arguments], cwd=project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return outcome.stdout.strip() if outcome.returncode == 0 else ""
