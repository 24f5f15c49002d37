"""What someone sees who has Python and make, and nothing else."""

import re
import sys
from pathlib import Path

import pytest

from tests.generating import ROOT, SERVICE, run


@pytest.mark.parametrize("folder", [".", SERVICE])
def test_help_names_every_target(folder: str) -> None:
    targets = re.findall(
        r"^([a-z-]+):(?!.*=)", (ROOT / folder / "Makefile").read_text(), re.MULTILINE
    )
    shown = run("make", "help", cwd=ROOT / folder).stdout
    assert [target for target in targets if not re.search(rf"\b{target}\b", shown)] == []


def test_old_python_is_refused_with_one_sentence(template: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(
        "#!/bin/sh\n"
        f"""exec {sys.executable} -c "import sys; sys.version_info = (3, 9, 2); $2" \n"""
    )
    old.chmod(0o755)
    outcome = run("make", "demo", f"PYTHON={old}", cwd=template)
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines()[0] == (
        f"{old} is Python 3.9, and 3.11 is the oldest that works: "
        "make PYTHON=python3.13, for example"
    )
    assert not (template / ".venv").exists()
