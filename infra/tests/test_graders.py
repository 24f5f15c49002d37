"""cfn-lint and checkov on what the program registers, translated into CloudFormation."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cloudformation import written
from editing import edited
from harness import PROJECT, REGION, Run, stack
from rehearsal import accepted as known

pytestmark = pytest.mark.template

# in an environment of its own: it holds botocore at a version of years ago
CHECKOV = shutil.which(os.environ.get("CHECKOV", "checkov"))
PLANTED = "planted"
# rule, and stack/resource
Finding = tuple[str, str]
Accepted = list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    for tier, compute, domain in product(("dev", "prod"), ("fargate", "ec2"), (True, False)):
        name = f"{tier}-{compute}-{'https' if domain else 'http'}"
        (folder / f"{name}.json").write_text(written(stack(tier, compute, domain)))
    faults = {"engineVersion": "9.6.24", "publiclyAccessible": True}
    faulty = edited(stack("prod"), "aws:rds/instance:Instance", "shop-prod", faults)
    (folder / f"{PLANTED}.json").write_text(written(Run(faulty)))
    return folder


def answer(*command: str) -> Any:
    # nothing that a grader asks of the network can leave
    dead = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    made = subprocess.run(command, env=os.environ | dead, capture_output=True, text=True)
    assert made.stdout, made.stderr
    return json.loads(made.stdout)


def subject(file: str, resource: str) -> str:
    tier = "Prod" if "Prod" in resource else "Dev"
    return f"{Path(file).stem}/{resource.replace(PROJECT.title() + tier, '')}"


def cfn_lint(templates: Path) -> list[Finding]:
    files = sorted(str(file) for file in templates.iterdir())
    options = ["--format", "json", "--regions", REGION, "--template", *files]
    found = answer(str(Path(sys.executable).with_name("cfn-lint")), *options)
    return [
        (entry["Rule"]["Id"], subject(entry["Filename"], str(entry["Location"]["Path"][1])))
        for entry in found
    ]


def checkov(templates: Path) -> list[Finding]:
    assert CHECKOV is not None
    options = ["--framework", "cloudformation", "--skip-download", "--quiet", "--output", "json"]
    found = answer(CHECKOV, "--directory", str(templates), *options)
    assert found["summary"]["parsing_errors"] == 0
    return [
        (entry["check_id"], subject(entry["file_path"], entry["resource"].rpartition(".")[2]))
        for entry in found["results"]["failed_checks"]
    ]


GRADERS = [
    pytest.param(cfn_lint, known.CFN_LINT, {"E3691", "W3691"}, id="cfn-lint"),
    pytest.param(
        checkov,
        known.CHECKOV,
        {"CKV_AWS_17"},
        marks=pytest.mark.skipif(
            CHECKOV is None, reason="CHECKOV names no checkov (requirements-graders.txt)"
        ),
        id="checkov",
    ),
]


@pytest.mark.parametrize(("grader", "accepted", "planted"), GRADERS)
def test_a_grader_finds_what_is_accepted_and_a_planted_fault(
    grader: Callable[[Path], list[Finding]], accepted: Accepted, planted: set[str], templates: Path
) -> None:
    found = set(grader(templates))

    def matches(finding: Finding, line: tuple[str, str, str]) -> bool:
        return finding[0] == line[0] and fnmatch(finding[1], line[1])

    faults = {rule for rule, where in found if where == f"{PLANTED}/Instance"}
    assert faults & planted
    ours = {finding for finding in found if not finding[1].startswith(PLANTED)}
    assert [f for f in sorted(ours) if not any(matches(f, line) for line in accepted)] == []
    assert [line for line in accepted if not any(matches(f, line) for f in ours)] == []
