"""What someone sees who has Python and make, and nothing else."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.generating import BIN, ROOT, SERVICE, contents, generate, run, with_tools


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


@pytest.fixture
def fresh(template: Path, project: Path, tmp_path: Path) -> dict[str, Path]:
    """The template and a project of it, with nothing installed."""
    folders = {"template": template, "project": project}
    return {name: shutil.copytree(folders[name], tmp_path / name) for name in folders}


@pytest.mark.parametrize(
    "folder, typed, sentence",
    [
        ("template", "demo PORT=80000", "PORT 80000 is not a free port from 1 to 65535"),
        ("project", "dev PORT=abc", "PORT abc is not a free port from 1 to 65535"),
        ("project", "observe PORT=0", "PORT 0 is not a free port from 1 to 65535"),
        ("project", "plan STACK=nope", "There is no infra/Pulumi.nope.yaml"),
        ("project", "deploy STACK=nope", "There is no infra/Pulumi.nope.yaml"),
        ("project", "shell", "Which stack? make shell STACK=dev"),
    ],
)
def test_a_wrong_value_is_refused_before_an_installation(
    fresh: dict[str, Path], folder: str, typed: str, sentence: str
) -> None:
    outcome = run("make", *typed.split(), f"PYTHON={sys.executable}", cwd=fresh[folder])
    assert sentence in outcome.stderr.splitlines()[0]
    assert outcome.stdout == ""
    assert not list(fresh[folder].rglob("*venv"))


STAND_IN = """#!/bin/sh
# a Python whose environments hold itself, and whose pip prints $PIP_SAYS and exits with $PIP_CODE
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip install --quiet "* | "-m pip --version") ;;
    "-m pip install "*) printf "$PIP_SAYS"; exit $PIP_CODE ;;
    *) exec {python} "$@" ;;
esac
"""
PIP = r"""Collecting tea>=3
  Downloading tea-3.1-py3-none-any.whl.metadata (3 kB)
  Downloading tea-3.1-py3-none-any.whl (1.2 MB)
Collecting milk
  Using cached milk-1-py3-none-any.whl (130 kB)
"""


@pytest.mark.parametrize(
    "folder, target, environment",
    [
        ("template", ".venv/tools", ".venv"),
        ("project", "install", ".venv"),
        ("project", "infra/venv/installed", "infra/venv"),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_an_installation_shows_its_progress_and_why_it_failed(
    fresh: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    target: str,
    environment: str,
    code: int,
) -> None:
    end = "ERROR: No room.\n\n" if code else "Installing collected packages: milk, tea\n"
    monkeypatch.setenv("PIP_SAYS", PIP + end)
    monkeypatch.setenv("PIP_CODE", str(code))
    python = tmp_path / "python3"
    python.write_text(STAND_IN.format(python=sys.executable))
    python.chmod(0o755)
    outcome = run("make", target, f"PYTHON={python}", cwd=fresh[folder])
    assert ("...." + (" unpacking" if not code else "")) in outcome.stdout.splitlines()
    first_error = (outcome.stderr.splitlines() or [""])[0]
    log = fresh[folder] / environment / "install.log"
    said = f"Not installed: ERROR: No room.; {log} may have more. It takes"
    assert first_error.startswith(said if code else "")
    assert (outcome.returncode == 0) == (code == 0)
    assert PIP in log.read_text()


WRONG = """
    dev PORT=80000 | PORT 80000 is not a free port from 1 to 65535
    observe PORT=abc | PORT abc is not a free port
    plan STACK=nope | There is no infra/Pulumi.nope.yaml; the stacks are dev prod small.
    plan STACK='a b' | There is no infra/Pulumi.a b.yaml
    plan CONCURRENCY=abc | peak_in_flight: 'abc' is not a whole number.
    plan LATENCY_MS=0 | latency_ms: 0 is not between 1 and 60000.
    plan PRICES=none.json | none.json: there is no such file of prices.
    simulate SHAPE=x | SHAPE: 'x' is none; use day, flash, step, or TRACE=file.csv.
    simulate TRACE=none.csv | none.csv: there is no such trace.
    simulate SET=zones | zones: write it as KEY=VALUE.
    rehearse STACK=../x | There is no
    rehearse ENGINE=x | make rehearse: error: argument --engine: invalid choice: 'x'
    runbooks STACK=nope | There is no infra/Pulumi.nope.yaml
    profile FORMAT=pdf | make profile: error: argument --format: invalid choice: 'pdf'
    profile SECONDS=abc | make profile: error: argument --seconds: invalid float value: 'abc'
    profile OUT=none.html | PROFILE_SECRET is not set
    load SECONDS=-1 | make load: error: argument --seconds: -1 is not a whole number from 1 to
    load HOST=foo | foo is not scheme, name and port, like https://api.example.com.
    capacity REPEATS=0 | make capacity: error: argument --repeats: 0 is not a whole number
    serve PORT=80000 | The environment is not usable: Expected `int` <= 65535
    migrate DATABASE_URL=x | DATABASE_URL
    test DATABASE_URL=x | ERROR: The environment is not usable: Expected `str` matching regex
    test DATABASE_URL=postgresql://127.0.0.1:1/x | ERROR: The database could not be reached
    deploy STACK= | Which stack? make deploy STACK=dev
    deploy STACK=nope | There is no infra/Pulumi.nope.yaml
    rollback IMAGE=x | Which stack? make rollback STACK=dev
    run STACK=dev | Which command? make run STACK=dev COMMAND="alembic current"
    pulumi STACK=dev | Which command? make pulumi STACK=dev DO="stack output"
"""
WRONG_IN_TEMPLATE = """
    bench ROUNDS=0 | make bench: error: argument --rounds: 0 is not a whole number from 1 to
    bench SECONDS=-1 | make bench: error: argument --seconds: -1 is not a whole number
    bench ONLY=foo | make bench: error: argument --only: 'foo' is not in health, hot
    herd CLIENTS=-5 | make herd: error: argument --clients: -5 is not a whole number
    herd MODE=warm | make herd: error: argument --mode: invalid choice: 'warm'
    faults ROWS=3,x | make faults: error: argument --rows: there is no fault 'x'
    faults SEED=abc | make faults: error: argument --seed: invalid int value: 'abc'
    faults MINUTES=0 | make faults: error: argument --minutes: 0 is not a whole number
"""


@pytest.mark.extra("starts Python for each wrong value")
@pytest.mark.parametrize("folder, cases", [("project", WRONG), ("template", WRONG_IN_TEMPLATE)])
def test_a_wrong_value_is_one_sentence_and_leaves_nothing(
    template: Path, tmp_path: Path, folder: str, cases: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = generate(template, tmp_path) if folder == "project" else template
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for given in ("DATABASE_URL", "PROFILE_SECRET", "PORT", "STACK"):
        monkeypatch.delenv(given, raising=False)
    template_tools = (f"BIN={BIN}", "--assume-old=.venv/tools")
    tools = with_tools(place) if folder == "project" else template_tools
    before, wrong = contents(place), []
    for case in cases.strip().splitlines():
        typed, sentence = (part.strip() for part in case.split(" | "))
        outcome = run("make", *tools, *shlex.split(typed), cwd=place)
        lines = (outcome.stdout + outcome.stderr).splitlines()
        said = [line for line in lines if not re.match(r"$|make(\[\d+\])?: \*\*\*", line)]
        if outcome.returncode == 0 or len(said) != 1 or sentence not in said[0]:
            wrong.append((typed, *lines))
    assert wrong == []
    assert contents(place) == before
