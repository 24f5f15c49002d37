"""Completes a new project: copies the two libraries, drops caches that lay in the template."""

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path

[TEMPLATE] = json.loads(r"""{{ [template_folder] | tojson }}""")  # JSON's quotes suit any path
PROJECT = Path(TEMPLATE, "{% raw %}{{cookiecutter.project}}{% endraw %}")
CACHES = ("__pycache__", ".*_cache", ".hypothesis", ".coverage")

LIBRARIES = {
    "servicekit": "vendor/servicekit",
    "infra/stackkit": "vendor/stackkit",
}
NEXT_STEPS = """\
cd {{ cookiecutter.project }} && make dev    # serves it with PostgreSQL and Valkey of its own
make check              # formats, lint, types and tests
docs/deploying.md       # the way to AWS"""

for library, copy in LIBRARIES.items():
    shutil.rmtree(copy, ignore_errors=True)  # an older version may have held more files
    shutil.copytree(Path(TEMPLATE, library), copy, ignore=shutil.ignore_patterns(*CACHES, "tests"))

for path in PROJECT.rglob("*"):
    copied = path.relative_to(PROJECT)
    if any(fnmatch(path.name, cache) for cache in CACHES):
        shutil.rmtree(copied) if copied.is_dir() else copied.unlink(missing_ok=True)

print(NEXT_STEPS)
