"""Shows the claims of the template; no part of a generated project."""

from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project}}"  # the service as it lies, not rendered
REPORTS = TEMPLATE / "build" / "verification"
