"""Code lies in the template as it will run; Jinja stays in a few kinds of text."""

import re
import sys
import tomllib
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml

from tests.answers import CHOICES, SUPPORTED, given, shown
from tests.generating import BIN, SERVICE, contents, generate, run

JINJA = re.compile(rb"\{\{ ?cookiecutter|\{%|\{#")
RENDERED = {".toml", ".md", ".yaml", ".yml", ".json"}


@pytest.fixture(scope="session", params=SUPPORTED, ids=shown)
def chosen(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return generate(template, tmp_path_factory.mktemp("chosen"), *given(request.param))


def test_no_pair_of_answers_is_left_out() -> None:
    for (one, values), (other, others) in combinations(CHOICES.items(), 2):
        tried = {(answers[one], answers[other]) for answers in SUPPORTED}
        assert tried == set(product(values, others))


def test_jinja_only_where_text_is_rendered(template: Path) -> None:
    rendered = {path for path, text in contents(template / SERVICE).items() if JINJA.search(text)}
    assert {Path(path).suffix for path in rendered} <= RENDERED
    stackkit = contents(template / "infra/stackkit")
    assert [path for path, text in stackkit.items() if JINJA.search(text)] == []


def test_code_is_copied_byte_for_byte(template: Path, chosen: Path) -> None:
    generated = contents(chosen)
    for path, source in contents(template / SERVICE).items():
        if Path(path).suffix not in RENDERED:
            assert generated[path] == source, path


def test_no_trace_of_the_template_is_left(chosen: Path) -> None:
    for path, text in contents(chosen).items():
        assert "cookiecutter" not in path
        if Path(path).suffix in RENDERED:
            assert b"cookiecutter" not in text, path
            assert not re.search(rb"(?<!\$)\{\{|\{%", text), path  # ${{ }} is GitHub's


def test_rendered_files_can_be_read(chosen: Path) -> None:
    for file in chosen.rglob("*.toml"):
        tomllib.loads(file.read_text())
    for file in [*chosen.rglob("*.yaml"), *chosen.rglob("*.yml")]:
        yaml.safe_load(file.read_text())


def test_project_is_named_everywhere(chosen: Path) -> None:
    package = tomllib.loads((chosen / "pyproject.toml").read_text())["project"]
    program = yaml.safe_load((chosen / "infra/Pulumi.yaml").read_text())
    assert package["name"] == program["name"] == chosen.name
    assert package["description"] == program["description"]
    assert package["description"] in CHOICES["description"]


def test_each_project_is_formatted_and_linted(chosen: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        outcome = run(BIN / "ruff", *command, "--no-cache", "--quiet", ".", cwd=chosen)
        assert outcome.returncode == 0, outcome.stdout


@pytest.mark.extra("a rehearsal for each set of answers")
def test_production_of_each_project_is_rehearsed(chosen: Path) -> None:
    """Its types and tests are the demo's: its code is, byte for byte."""
    complete = ("upstream_url=https://up.example.com", "allow_http=true")
    rehearse = (sys.executable, "-m", "stackkit.tools.rehearse", "--stack", "prod")
    path = ("env", f"PYTHONPATH={chosen / 'vendor'}")
    outcome = run(*path, *rehearse, "--set", *complete, cwd=chosen / "infra")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_answers_reach_the_stacks(template: Path, tmp_path: Path) -> None:
    answers = ("aws_region=sa-east-1", "compute=ec2", "domain=api.example.com")
    infra = generate(template, tmp_path, *answers, "project=billing") / "infra"
    dev = yaml.safe_load((infra / "Pulumi.dev.yaml").read_text())["config"]
    prod = yaml.safe_load((infra / "Pulumi.prod.yaml").read_text())["config"]
    for stack in (dev, prod):
        assert stack["aws:region"] == "sa-east-1"
        assert stack["billing:compute"] == "ec2"
    assert prod["billing:domain"] == "api.example.com"
