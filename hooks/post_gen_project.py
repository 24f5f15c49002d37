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

if not (INFRA / "__main__.py").is_file():
    sys.exit(f"{INFRA} holds no Pulumi program: generate from a complete copy of the template.")

# Pulumi.yaml and Pulumi.<stack>.yaml are the project's own, rendered beside the copy.
unwanted = shutil.ignore_patterns(*CLUTTER, "build", "Pulumi.*yaml")
shutil.copytree(INFRA, "infra", ignore=unwanted, dirs_exist_ok=True)

shutil.copytree(
    Path(HERE, "servicekit"),
    "vendor/servicekit",
    ignore=shutil.ignore_patterns(*CLUTTER, "tests"),
    dirs_exist_ok=True,
)

for held in SERVICE.rglob("*"):
    leaked = Path(held.relative_to(SERVICE))
    if any(fnmatch(held.name, pattern) for pattern in CLUTTER):
        if leaked.is_dir():
            shutil.rmtree(leaked)
        else:
            leaked.unlink(missing_ok=True)
