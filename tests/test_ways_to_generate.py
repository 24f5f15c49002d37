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
    assert stacks == ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml"]


def test_all_of_stackkit_is_copied(project: Path, template: Path) -> None:
    copied = contents(project / "vendor/stackkit")
    for path, content in contents(template / "infra/stackkit").items():
        if not any(part.startswith((".", "__pycache__")) for part in Path(path).parts):
            assert copied[path] == content


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


def test_with_cruft(repository: Path, output: Path, project: Path) -> None:
    outcome = cruft_create(f"file://{repository}", cwd=output)
    assert outcome.returncode == 0, outcome.stderr
    created = contents(output / "orders")
    del created[".cruft.json"]
    assert created == contents(project)


def test_answers_are_asked_for(template: Path, output: Path) -> None:
    answers = "billing\nInvoices\nus-east-1\n2\napi.example.com\n"
    outcome = run(BIN / "cookiecutter", template, cwd=output, typed=answers)
    assert outcome.returncode == 0, outcome.stderr
    for label in ("Project:", "Description:", "AWS region", "EC2 Auto Scaling group", "Domain"):
        assert label in outcome.stdout
    stack = (output / "billing/infra/Pulumi.prod.yaml").read_text()
    for answer in ("us-east-1", "ec2", "api.example.com"):
        assert answer in stack


def test_name_of_no_folder_stops_before_the_next_question(template: Path, output: Path) -> None:
    outcome = run(BIN / "cookiecutter", template, cwd=output, typed="my orders\n")
    assert "The project name 'my orders' is to be a folder" in outcome.stderr
    assert "Description" not in outcome.stdout


def test_without_a_copy_of_infra_nothing_is_generated(
    template: Path, tmp_path: Path, output: Path
) -> None:
    part = shutil.copytree(template, tmp_path / "part", ignore=shutil.ignore_patterns("infra"))
    outcome = cookiecutter(part, cwd=output)
    assert outcome.returncode == 1
    assert outcome.stderr == (
        f"{part}/infra holds no stackkit: generate from a complete copy of the template.\n"
    )
    assert list(output.iterdir()) == []
