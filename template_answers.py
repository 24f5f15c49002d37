"""Refuses an answer where it is given: the check is a private variable right after the question.

Each check ends the command with one sentence, before any file is written. The hook before the
generation checks once more, because a replay takes the private variables from its file. Both ask
whether a check is defined: `cruft update` renders the new version with the older version's module.
"""

import difflib
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

from template_folder import SERVICE, STACKKIT

# Regions of the commercial partition in which every account gets three zones; new ones go here.
REGIONS = """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
    ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5
    ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1
    eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
    mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-2
""".split()

ROOM = 4  # MiB; a project fills 2.4 in blocks of 4 KiB
Answers = Mapping[str, object]
# What an answer has to match, and what is wrong with one that doesn't; the first one counts.
Rules = Mapping[str, str]
PROJECT_RULES: Rules = {
    "[a-z0-9-]*": "holds more than lower case letters, digits and hyphens",
    "[a-z].*": "doesn't start with a letter",
    ".*[^-]": "ends with a hyphen",
    "(?!.*--).*": "has two hyphens in a row",
    ".{2,}": "is a single character, and two are the least",
    # 32 less "-", a stack's name of up to 5, "-" and the 7 characters that Pulumi appends
    ".{,18}": "has more than the 18 characters that fit into a load balancer's name of 32",
    "(?!(internal|sg|sthree|amzn-s3-demo)(-|$)).*": "starts with a word that AWS reserves",
    "(?!(aws|awsx|docker-build|pulumi)$).*": (
        "is a Pulumi package's, and would mix their settings"
    ),
}
LABEL = "[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?"
DOMAIN_RULES: Rules = {
    "[^/:@]*": "holds more than a name",
    "[^*]*": "holds a wildcard",
    ".*[^.]": "ends with a dot",
    r".*\..*": "has no dot",
    "[^A-Z]*": "has upper case letters",
    "[a-z0-9.-]*": "holds more than letters, digits, hyphens and dots",
    rf"{LABEL}(\.{LABEL})*": "has a part that isn't 1 to 63 letters, digits and inner hyphens",
    r".*\.[a-z][^.]*": "ends with a number",
    # the common name of a certificate; ACM takes longer ones only as further names
    ".{,64}": "has more than the 64 characters that fit into a certificate",
}


class AnswerChecks(Extension):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        check_template()
        environment.globals["check_answers"] = check_answers
        environment.globals["check_before_writing"] = check_before_writing


def check_template() -> None:
    if not STACKKIT.is_dir():
        sys.exit(f"{STACKKIT} is missing: generate from a complete copy of the template.")
    for name in (".venv", ".local", "infra/venv"):
        if (SERVICE / name).exists():
            sys.exit(f"The template's {name} would overwrite a project's: delete {SERVICE / name}.")


def check_before_writing(answers: Answers) -> str:
    """The checks of all answers, and of the disk; leaves no empty project behind."""
    output = Path(str(answers.get("_output_dir", ".")))  # cruft sets none, and replays nothing
    try:
        check_answers(answers)
        if shutil.disk_usage(output).free < ROOM * 2**20:
            sys.exit(f"{output} has no room for a project: it takes {ROOM} MiB.")
    except SystemExit:
        with suppress(OSError):  # a project that exists stays
            (output / str(answers["project"])).rmdir()
        raise
    return ""


def check_answers(answers: Answers) -> str:
    """Ends the command at the first unusable one of the answers so far."""
    checks = {
        "project": check_project,
        "description": check_description,
        "aws_region": check_region,
        "compute": check_compute,
        "domain": check_domain,
    }
    for question, check in checks.items():
        answer = answers.get(question, "")
        if not isinstance(answer, str):  # YAML's and JSON's null, true and lists
            sys.exit(f"{question} is {answer!r} where text belongs: put the answer in quotes.")
        if question in answers:
            check(answer)
    return ""


def check_project(project: str) -> None:
    wrong = violation(project, PROJECT_RULES)
    if not wrong and project in libraries():  # pip can't install a project beside its namesake
        wrong = "is that of a library which the service installs"
    if wrong:
        near = re.sub("[^a-z0-9]+", "-", project.lower()).lstrip("-0123456789")[:18].strip("-")
        unusable = violation(near, PROJECT_RULES) or near in libraries()
        example = "orders" if unusable else near
        sys.exit(f"The project name {project!r} {wrong}: use, for example, {example!r}.")


def check_description(description: str) -> None:
    if not description.isprintable():  # a line break would end the text of Pulumi.yaml
        sys.exit(f"The description {description!r} isn't one line of text: write one, for people.")


def check_region(region: str) -> None:
    if region == "us-west-1":
        sys.exit("The region 'us-west-1' gives new accounts two zones, not three: use 'us-west-2'.")
    if region not in REGIONS:
        near = difflib.get_close_matches(region, REGIONS, n=1) or ["eu-central-1"]
        sys.exit(
            f"The region {region!r} isn't one of the {len(REGIONS)} with three zones that "
            f"template_answers.py lists: use, for example, '{near[0]}'."
        )


def check_compute(compute: str) -> None:
    if compute not in ("fargate", "ec2"):
        sys.exit(f"The compute {compute!r} is neither 'fargate' nor 'ec2': use one of them.")


def check_domain(domain: str) -> None:
    if domain and (wrong := violation(domain, DOMAIN_RULES)):
        sys.exit(f"The domain {domain!r} {wrong}: use a name such as 'api.example.com', or none.")


def violation(answer: str, rules: Rules) -> str | None:
    broken = (wrong for rule, wrong in rules.items() if not re.fullmatch(rule, answer, re.DOTALL))
    return next(broken, None)


def libraries() -> set[str]:
    package = tomllib.loads((SERVICE / "pyproject.toml").read_text("utf-8"))
    groups = [package["project"]["dependencies"], *package["dependency-groups"].values()]
    return {
        re.split("[^a-z0-9-]", requirement.lower())[0] for group in groups for requirement in group
    }
