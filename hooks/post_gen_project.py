"""Completes a new project: copies the two libraries, drops what tools left in the template."""

import json
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

[TEMPLATE] = json.loads(r"""{{ [template_folder] | tojson }}""")  # JSON's quotes suit any path
PROJECT = Path(TEMPLATE, "{% raw %}{{cookiecutter.project}}{% endraw %}")
LEFTOVERS = ("__pycache__", ".*_cache", ".hypothesis", ".coverage", "reports")

LIBRARIES = {
    "servicekit": "vendor/servicekit",
    "infra/stackkit": "vendor/stackkit",
}
NEXT_STEPS = """\
cd {{ cookiecutter.project }} && make dev    # serves it with PostgreSQL and Valkey of its own
make check              # formats, lint, types and tests
git init && git add .   # then docs/deploying.md: the way to AWS"""

for library, copy in LIBRARIES.items():
    shutil.rmtree(copy, ignore_errors=True)  # an older version may have held more files
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache", "tests")
    try:
        shutil.copytree(Path(TEMPLATE, library), copy, ignore=unwanted)
    except shutil.Error as error:  # one entry for each file
        sys.exit(f"{copy} can't be written: {error.args[0][0][-1]}")

for path in sorted(PROJECT.rglob("*"), reverse=True):  # a folder comes after what it holds
    copied = path.relative_to(PROJECT)
    if any(fnmatch(part, leftover) for part in copied.parts for leftover in LEFTOVERS):
        if copied.is_file():
            copied.unlink()
        elif copied.is_dir() and not any(copied.iterdir()):  # the project's own files stay
            copied.rmdir()

print(NEXT_STEPS)
