"""Completes a new project: copies the libraries and drops the caches that lay in the template."""

import json
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

[HERE] = json.loads(r"""{{ [template_folder] | tojson }}""")  # the quotes of JSON suit any path
INFRA = Path(HERE, "infra")
SERVICE = Path(HERE, "{% raw %}{{cookiecutter.project}}{% endraw %}")
CLUTTER = ("__pycache__", ".*_cache", ".hypothesis", ".coverage", ".venv", "venv", ".local")

if not (INFRA / "stackkit").is_dir():
    sys.exit(f"{INFRA} holds no stackkit: generate from a complete copy of the template.")

unwanted = shutil.ignore_patterns(*CLUTTER, "tests")
for library, copy in (
    (Path(HERE, "servicekit"), "vendor/servicekit"),
    (INFRA / "stackkit", "vendor/stackkit"),
    (INFRA / "runbooks", "infra/runbooks"),
):
    shutil.rmtree(copy, ignore_errors=True)  # an older version may have held more files
    shutil.copytree(library, copy, ignore=unwanted)

for held in SERVICE.rglob("*"):
    leaked = Path(held.relative_to(SERVICE))
    if any(fnmatch(held.name, pattern) for pattern in CLUTTER):
        if leaked.is_dir():
            shutil.rmtree(leaked)
        else:
            leaked.unlink(missing_ok=True)
