"""Wherever the template lies, the same complete project comes out."""

import shutil
from pathlib import Path

import pytest

from tests.generating import (
    BIN,
    contents,
    cookiecutter,
    cruft_create,
    generate,
    run,
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def test_project_holds_service_and_infrastructure(project: Path) -> None:
    assert project.name == "orders"
    for file in ("README.md", "Makefile", "pyproject.toml", "app/main.py", "infra/__main__.py"):
        assert (project / file).is_file(), file
    stacks = sorted(path.name for path in project.glob("infra/Pulumi*.yaml"))
    assert stacks == [f"Pulumi{stack}.yaml" for stack in (".dev", ".prod", ".small", "")]


@pytest.mark.parametrize("library", ["servicekit", "infra/stackkit"])
def test_libraries_are_copied_without_their_tests(
    project: Path, template: Path, library: str
) -> None:
    copied = contents(project / "vendor" / Path(library).name)
    source = contents(template / library)
    kept = {path for path in source if not {"tests", "__pycache__"} & set(Path(path).parts)}
    assert copied == {path: source[path] for path in kept}


def test_from_within_the_template(template: Path, output: Path, project: Path) -> None:
    outcome = cookiecutter(".", "--output-dir", str(output), cwd=template)
    assert outcome.returncode == 0, outcome.stderr
    assert contents(output / "orders") == contents(project)


def test_from_a_relative_path(template: Path, output: Path, project: Path) -> None:
    outcome = cookiecutter(template.name, "--output-dir", str(output), cwd=template.parent)
    assert outcome.returncode == 0, outcome.stderr
    assert contents(output / "orders") == contents(project)


def test_from_a_git_address(repository: Path, output: Path, project: Path) -> None:
    assert contents(generate(f"file://{repository}", output)) == contents(project)


def test_from_a_zip(template: Path, tmp_path: Path, output: Path, project: Path) -> None:
    archive = shutil.make_archive(
        str(tmp_path / "template"), "zip", root_dir=template.parent, base_dir=template.name
    )
    assert contents(generate(archive, output)) == contents(project)


@pytest.mark.slow("creates and checks a project by cruft")
def test_with_cruft(repository: Path, output: Path, project: Path) -> None:
    outcome = cruft_create(f"file://{repository}", cwd=output)
    assert outcome.returncode == 0, outcome.stderr
    created = contents(output / "orders")
    del created[".cruft.json"]
    assert created == contents(project)


def test_answers_are_asked_for(template: Path, output: Path) -> None:
    answers = "billing\nInvoices\nus-east-1\nec2\napi.example.com\n"
    outcome = run(BIN / "cookiecutter", template, cwd=output, typed=answers)
    assert outcome.returncode == 0, outcome.stderr
    for label in ("Project:", "Description:", "AWS region", "Compute:", "Domain"):
        assert label in outcome.stdout
    stack = (output / "billing/infra/Pulumi.prod.yaml").read_text()
    for answer in ("us-east-1", "ec2", "api.example.com"):
        assert answer in stack


@pytest.mark.parametrize(
    "typed, question, next_question",
    [
        ("my orders\n", "Project:", "Description:"),
        ("\n\nmars\n", "AWS region", "Compute:"),
        ("\n\n\n2\n", "Compute:", "Domain"),
        ("\n\n\nec2\nlocalhost\n", "Domain", "next steps"),
    ],
)
def test_unusable_answer_is_refused_before_the_next_question(
    template: Path, output: Path, typed: str, question: str, next_question: str
) -> None:
    outcome = run(BIN / "cookiecutter", template, cwd=output, typed=typed)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert question in outcome.stdout
    assert next_question not in outcome.stdout
    assert list(output.iterdir()) == []


def test_generation_ends_with_three_next_steps(template: Path, output: Path) -> None:
    printed = cookiecutter(template, "project=billing", cwd=output).stdout.splitlines()
    assert len(printed) == 3
    assert printed[0].startswith("cd billing && make dev")


def test_incomplete_copy_of_the_template_is_refused(
    template: Path, tmp_path: Path, output: Path
) -> None:
    part = shutil.copytree(template, tmp_path / "part", ignore=shutil.ignore_patterns("infra"))
    outcome = cookiecutter(part, cwd=output)
    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"{part}/infra/stackkit is missing: generate from a complete copy of the template.\n"
    )
    assert list(output.iterdir()) == []
