"""Gives the templates and hooks `template_folder`, the folder that this template lies in."""

from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

TEMPLATE = Path(__file__).resolve().parent
SERVICE = TEMPLATE / "{{cookiecutter.project}}"
STACKKIT = TEMPLATE / "infra/stackkit"


class TemplateFolder(Extension):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["template_folder"] = str(TEMPLATE)
