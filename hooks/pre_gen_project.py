"""Refuses an answer that AWS would refuse later: one sentence, and nothing is left behind.

A name that can't be a folder's is refused in cookiecutter.json, before the folder is made.
"""

# {{ cycler.__init__.__globals__.os.sys.modules["cookiecutter.hooks"].logger.setLevel(60) }}
# (silent: below the sentence it would log a traceback of its own)

import difflib
import json
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
# The folder of this template, in which cookiecutter and cruft render this file.
[HERE] = json.loads(r"""{{ [template_folder] | tojson }}""")
SERVICE = Path(HERE, "{% raw %}{{cookiecutter.project}}{% endraw %}")

# Regions of the commercial partition in which every account gets three zones; new ones go here.
REGIONS = """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
    ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5
    ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1
    eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
    mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-2
""".split()

# pip can't install a project beside a library of the same name.
LIBRARIES = re.findall(r'"([a-z0-9-]+)[^"]*>=', Path(SERVICE, "pyproject.toml").read_text("utf-8"))

# What an answer has to match, and what is wrong with one that doesn't; the first one counts.
PROJECT_RULES = (
    ("[a-z0-9-]*", "holds more than lower case letters, digits and hyphens"),
    ("[a-z].*", "doesn't start with a letter"),
    (".*[^-]", "ends with a hyphen"),
    ("(?!.*--).*", "has two hyphens in a row"),
    (".{2,}", "is a single character, and two are the least"),
    # 32 less "-", a stack's name of up to 5, "-" and the 7 characters that Pulumi appends
    (".{,18}", "has more than the 18 characters that fit into a load balancer's name of 32"),
    ("(?!(internal|sg|sthree|amzn-s3-demo)(-|$)).*", "starts with a word that AWS reserves"),
    (
        "(?!(aws|awsx|docker-build|pulumi)$).*",
        "is a Pulumi package's, and would mix their settings",
    ),
    (f"(?!({'|'.join(LIBRARIES)})$).*", "is that of a library which the service installs"),
)
LABEL = "[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?"
DOMAIN_RULES = (
    ("[^/:@]*", "holds more than a name"),
    ("[^*]*", "holds a wildcard"),
    (".*[^.]", "ends with a dot"),
    (r".*\..*", "has no dot"),
    ("[^A-Z]*", "has upper case letters"),
    ("[a-z0-9.-]*", "holds more than letters, digits, hyphens and dots"),
    (rf"{LABEL}(\.{LABEL})*", "has a part that isn't 1 to 63 letters, digits and inner hyphens"),
    (r".*\.[a-z][^.]*", "ends with a number"),
    # the common name of a certificate; ACM takes longer ones only as further names
    (".{,64}", "has more than the 64 characters that fit into a certificate"),
)


def fault(answer: str, rules: tuple[tuple[str, str], ...]) -> str | None:
    return next((wrong for rule, wrong in rules if not re.fullmatch(rule, answer, re.DOTALL)), None)


def check_project(project: str) -> None:
    if wrong := fault(project, PROJECT_RULES):
        near = re.sub("[^a-z0-9]+", "-", project.lower()).lstrip("-0123456789")[:18].strip("-")
        right = "orders" if fault(near, PROJECT_RULES) else near
        sys.exit(f"The project name {project!r} {wrong}: use, for example, {right!r}.")


def check_domain(domain: str) -> None:
    if domain and (wrong := fault(domain, DOMAIN_RULES)):
        sys.exit(f"The domain {domain!r} {wrong}: use a name such as 'api.example.com', or none.")


def check_region(region: str) -> None:
    if region == "us-west-1":
        sys.exit("The region 'us-west-1' gives new accounts two zones, not three: use 'us-west-2'.")
    if region not in REGIONS:
        near = difflib.get_close_matches(region, REGIONS, n=1) or ["eu-central-1"]
        sys.exit(
            f"The region {region!r} isn't one of the {len(REGIONS)} with three zones that "
            f"hooks/pre_gen_project.py lists: use, for example, '{near[0]}'."
        )


def check_kept(kept: str) -> None:
    """The template holds such a folder only if someone ran the service in place."""
    if (SERVICE / kept).exists() and Path(kept).exists():
        sys.exit(f"The template's {kept} would overwrite the project's: delete {SERVICE / kept}.")


check_project(ANSWERS["project"])
check_region(ANSWERS["aws_region"])
check_domain(ANSWERS["domain"])
check_kept(".venv")
check_kept(".local")
