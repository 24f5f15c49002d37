"""Lists the files of a project that its team edited and the next version of the template lacks.

Run it in the project before `cruft update`, with the environment that holds cruft:
`python /path/to/template/scripts/edited_files.py`. The update keeps such a file, or carries the
edit to the place that the file moves to; the list says where to look.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_CRUFT = (sys.executable, "-m", "cruft")


def main() -> None:
    state = json.loads(Path(".cruft.json").read_text())
    for path in lost(edited(), state):
        print(path)


def edited() -> list[str]:
    """What differs from the version of the template that the project was made of."""
    shown = _run([*_CRUFT, "diff"], Path.cwd())
    return re.findall(r"^diff --git upstream-template-old/(\S+) ", shown, re.MULTILINE)


def lost(paths: Sequence[str], state: dict[str, Any]) -> list[str]:
    """Those of `paths` that a project of the newest version does not have."""
    answers = {
        question: answer
        for question, answer in state["context"]["cookiecutter"].items()
        if not question.startswith("_")
    }
    with tempfile.TemporaryDirectory() as folder:
        options = ["--no-input", "--extra-context", json.dumps(answers)]
        if state.get("checkout"):
            options += ["--checkout", state["checkout"]]
        _run([*_CRUFT, "create", state["template"], *options], Path(folder))
        [newest] = Path(folder).iterdir()
        return [path for path in paths if not (newest / path).exists()]


def _run(command: Sequence[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
