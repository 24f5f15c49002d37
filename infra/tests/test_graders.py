"""cfn-lint and checkov on the calls of rehearsals, translated into CloudFormation."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import pairs
from cloudformation import template
from harness import PROJECT, REGION
from rehearsed import Overrides, Rehearsals
from stackkit.tools.rehearse import suppressions as known
from stackkit.tools.rehearse.account import Call

pytestmark = pytest.mark.extra("runs cfn-lint and checkov")

# in an environment of its own: it holds botocore at a version of years ago
CHECKOV = shutil.which(os.environ.get("CHECKOV", "checkov"))
# rule, and stack/resource
Finding = tuple[str, str]
Accepted = list[tuple[str, str, str]]
PLANTED = "planted"
# every pair of tier, compute and edge
PLAIN = [list(islice(pairs.stacks(), 8))[number] for number in (1, 2, 4, 7)]
# what the plain ones don't have
MORE = {"tier": "prod", "edge": "own certificate", "replica": "two", "proxy": "on"} | {
    option: list(pairs.OPTIONS[option])[1]
    for option in ("delivery", "schedules", "reserved", "secrets")
}
RICH = [
    MORE | {"compute": "fargate", "spot": "half", "scaling": "step"},
    MORE | {"compute": "ec2", "warm pool": "two", "ami": "baked"},
]
FAULTS: Overrides = {
    ("aws:rds/instance:Instance", "*"): {
        "engineVersion": "9.6.24",
        "publiclyAccessible": True,
        "storageEncrypted": False,
    },
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "shop-prod-compute-database"): {
        "referencedSecurityGroupId": None,
        "cidrIpv4": "0.0.0.0/0",
        "fromPort": 0,
        "toPort": 65535,
    },
    ("aws:elasticache/replicationGroup:ReplicationGroup", "*"): {"atRestEncryptionEnabled": False},
    ("aws:lb/loadBalancer:LoadBalancer", "*"): {"accessLogs": {"enabled": False, "bucket": "none"}},
}


def name(choices: pairs.Choices) -> str:
    edge = "http" if choices["edge"] == "none" else "https"
    return f"{choices['tier']}-{choices['compute']}-{edge}"


@pytest.fixture(scope="module")
def folder(rehearsals: Rehearsals, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template of each stack; two of a name are told apart by what follows its dot."""
    begun = {f"{name(choices)}.plain": rehearsals.begin(choices) for choices in PLAIN}
    begun |= {f"{name(choices)}.rich": rehearsals.begin(choices) for choices in RICH}
    begun[f"{PLANTED}.one"] = rehearsals.begin_changed(PLAIN[2], FAULTS)
    folder = tmp_path_factory.mktemp("templates")
    for stack, one in begun.items():
        (folder / f"{stack}.json").write_text(written(one.result().calls))
    return folder


def written(calls: Sequence[Call]) -> str:
    return json.dumps(template(calls), indent=1)


def subject(file: str, resource: str) -> str:
    tier = "Prod" if "Prod" in resource else "Dev"
    stack = Path(file).name.partition(".")[0]
    return f"{stack}/{resource.replace(PROJECT.title() + tier, '')}"


def cfn_lint(templates: Path) -> set[Finding]:
    files = sorted(str(file) for file in templates.iterdir())
    options = ["--format", "json", "--regions", REGION, "--template", *files]
    found = answer(str(Path(sys.executable).with_name("cfn-lint")), *options)
    return {
        (entry["Rule"]["Id"], subject(entry["Filename"], str(entry["Location"]["Path"][1])))
        for entry in found
    }


def checkov(templates: Path) -> set[Finding]:
    if CHECKOV is None:
        pytest.skip("CHECKOV names no checkov (requirements-graders.txt)")
    options = ["--framework", "cloudformation", "--skip-download", "--quiet", "--output", "json"]
    found = answer(CHECKOV, "--directory", str(templates), *options)
    assert found["summary"]["parsing_errors"] == 0
    return {
        (entry["check_id"], subject(entry["file_path"], entry["resource"].rpartition(".")[2]))
        for entry in found["results"]["failed_checks"]
    }


def answer(*command: str) -> Any:
    # nothing that a grader asks of the network can leave
    dead = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    made = subprocess.run(command, env=os.environ | dead, capture_output=True, text=True)
    assert made.stdout, made.stderr
    return json.loads(made.stdout)


Graded = Mapping[str, Future[set[Finding]]]
GRADERS: Mapping[str, tuple[Callable[[Path], set[Finding]], Accepted]] = {
    "cfn-lint": (cfn_lint, known.CFN_LINT),
    "checkov": (checkov, known.CHECKOV),
}


@pytest.fixture(scope="module")
def graded(folder: Path) -> Iterator[Graded]:
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(grader, folder) for name, (grader, _) in GRADERS.items()}


def matches(finding: Finding, line: tuple[str, str, str]) -> bool:
    return finding[0] == line[0] and fnmatch(finding[1], line[1])


@pytest.mark.parametrize("grader", GRADERS)
def test_grader_finds_exactly_the_accepted_violations(grader: str, graded: Graded) -> None:
    accepted = GRADERS[grader][1]
    ours = {finding for finding in graded[grader].result() if not finding[1].startswith(PLANTED)}
    assert [f for f in sorted(ours) if not any(matches(f, line) for line in accepted)] == []
    assert [line for line in accepted if not any(matches(f, line) for f in ours)] == []


@pytest.mark.parametrize(
    ("grader", "rule", "resource"),
    [
        pytest.param("cfn-lint", "W3691", "DBInstance", id="engine version of long ago"),
        pytest.param("cfn-lint", "E3720", "DBInstance", id="a key for plain storage"),
        pytest.param("checkov", "CKV_AWS_16", "DBInstance", id="plain storage"),
        pytest.param("checkov", "CKV_AWS_17", "DBInstance", id="public database"),
        pytest.param("checkov", "CKV_AWS_29", "ReplicationGroup", id="plain cache"),
        pytest.param("checkov", "CKV_AWS_91", "LoadBalancer", id="no access logs"),
        pytest.param(
            "checkov",
            "CKV_AWS_24",
            "SecurityGroupIngressComputeDatabase",
            id="every port of the database open to the world",
        ),
    ],
)
def test_a_planted_fault_is_found(grader: str, rule: str, resource: str, graded: Graded) -> None:
    found = graded[grader].result()
    assert (rule, f"{PLANTED}/{resource}") in found
    assert (rule, f"{name(PLAIN[2])}/{resource}") not in found
