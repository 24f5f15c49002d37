"""An unusable answer: one sentence, and nothing is left behind."""

import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from cookiecutter.main import cookiecutter as generate_here

from tests.generating import BIN, contents, cookiecutter, cruft_create, generate, run

PROJECTS = {
    "9lives": "doesn't start with a letter: use, for example, 'lives'.",
    "-orders": "doesn't start with a letter: use, for example, 'orders'.",
    "Orders": "holds more than lower case letters, digits and hyphens: use, for example, 'orders'.",
    "my_orders": "holds more than lower case letters, digits and hyphens: "
    "use, for example, 'my-orders'.",
    "größe": "holds more than lower case letters, digits and hyphens: use, for example, 'gr-e'.",
    "orders-": "ends with a hyphen: use, for example, 'orders'.",
    "my--orders": "has two hyphens in a row: use, for example, 'my-orders'.",
    "x": "is a single character, and two are the least: use, for example, 'orders'.",
    "nineteen-characters": "has more than the 18 characters that fit into a load balancer's name "
    "of 32: use, for example, 'nineteen-character'.",
    "internal-api": "starts with a word that AWS reserves: use, for example, 'orders'.",
    "sg": "starts with a word that AWS reserves: use, for example, 'orders'.",
    "aws": "is a Pulumi package's, and would mix their settings: use, for example, 'orders'.",
    "redis": "is that of a library which the service installs: use, for example, 'orders'.",
}

LETTERS = "holds more than lower case letters, digits and hyphens: use, for example, {!r}."
NO_FOLDERS = {
    "": "doesn't start with a letter: use, for example, 'orders'.",
    ".": LETTERS.format("orders"),
    "..": LETTERS.format("orders"),
    "a/b": LETTERS.format("a-b"),
    "../x": LETTERS.format("orders"),
    "/tmp/x": LETTERS.format("tmp-x"),
    "a\\b": LETTERS.format("a-b"),
    "my orders": LETTERS.format("my-orders"),
    "orders.git": LETTERS.format("orders-git"),
    "~": LETTERS.format("orders"),
    "c:x": LETTERS.format("c-x"),
    "x" * 300: "has more than the 18 characters that fit into a load balancer's name of 32: "
    f"use, for example, {'x' * 18!r}.",
}

REGIONS = {
    "eu-centra-1": "use, for example, 'eu-central-1'.",
    "EU-WEST-1": "use, for example, 'eu-central-1'.",
    "eu-west-1a": "use, for example, 'eu-west-1'.",
    "us-gov-west-1": "use, for example, 'us-west-2'.",
    "mars": "use, for example, 'eu-central-1'.",
    "": "use, for example, 'eu-central-1'.",
}

DOMAINS = {
    "https://api.example.com": "holds more than a name",
    "api.example.com:443": "holds more than a name",
    "api.example.com/": "holds more than a name",
    "*.example.com": "holds a wildcard",
    "api.example.com.": "ends with a dot",
    "localhost": "has no dot",
    "API.example.com": "has upper case letters",
    "my_api.example.com": "holds more than letters, digits, hyphens and dots",
    "bücher.example": "holds more than letters, digits, hyphens and dots",
    "api..example.com": "has a part that isn't 1 to 63 letters, digits and inner hyphens",
    "-api.example.com": "has a part that isn't 1 to 63 letters, digits and inner hyphens",
    "a" * 64 + ".com": "has a part that isn't 1 to 63 letters, digits and inner hyphens",
    "10.0.0.1": "ends with a number",
    "a" * 61 + ".com": "has more than the 64 characters that fit into a certificate",
}


def assert_refused(template: Path, folder: Path, answers: dict[str, str], sentence: str) -> None:
    """In this process, because each of the many cases is a generation of its own."""
    with pytest.raises(SystemExit) as refused:
        generate_here(str(template), no_input=True, extra_context=answers, output_dir=str(folder))
    assert refused.value.code == sentence
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("project", [*PROJECTS, *NO_FOLDERS])
def test_unusable_project_name_is_refused(template: Path, tmp_path: Path, project: str) -> None:
    reason = PROJECTS.get(project) or NO_FOLDERS[project]
    sentence = f"The project name {project!r} {reason}"
    assert_refused(template, tmp_path, {"project": project}, sentence)


@pytest.mark.parametrize("region", REGIONS)
def test_unknown_region(template: Path, tmp_path: Path, region: str) -> None:
    sentence = (
        f"The region '{region}' isn't one of the 33 with three zones that "
        f"template_answers.py lists: {REGIONS[region]}"
    )
    assert_refused(template, tmp_path, {"aws_region": region}, sentence)


def test_region_with_two_zones(template: Path, tmp_path: Path) -> None:
    sentence = "The region 'us-west-1' gives new accounts two zones, not three: use 'us-west-2'."
    assert_refused(template, tmp_path, {"aws_region": "us-west-1"}, sentence)


@pytest.mark.parametrize("domain", DOMAINS)
def test_unusable_domain(template: Path, tmp_path: Path, domain: str) -> None:
    sentence = (
        f"The domain '{domain}' {DOMAINS[domain]}: use a name such as 'api.example.com', or none."
    )
    assert_refused(template, tmp_path, {"domain": domain}, sentence)


def test_name_of_a_library_that_the_service_installs_is_refused(
    template: Path, tmp_path: Path, project: Path
) -> None:
    package = tomllib.loads((project / "pyproject.toml").read_text())
    for requirement in package["project"]["dependencies"] + package["dependency-groups"]["dev"]:
        library = re.split(r"[^a-z0-9-]", requirement.lower())[0]
        with pytest.raises(
            SystemExit, match=r"library which the service installs|more than the 18"
        ):
            generate_here(
                str(template),
                no_input=True,
                extra_context={"project": library},
                output_dir=str(tmp_path),
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer, sentence",
    [
        ("project=a/b", f"The project name 'a/b' {NO_FOLDERS['a/b']}"),
        (
            "aws_region=mars",
            f"The region 'mars' isn't one of the 33 with three zones that "
            f"template_answers.py lists: {REGIONS['mars']}",
        ),
        (
            "domain=localhost",
            "The domain 'localhost' has no dot: use a name such as 'api.example.com', or none.",
        ),
    ],
)
def test_refusal_is_one_sentence_and_leaves_nothing(
    template: Path, tmp_path: Path, answer: str, sentence: str
) -> None:
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    outcome = cookiecutter(template, answer, cwd=workplace)
    assert (outcome.stdout, outcome.stderr) == ("", sentence + "\n")
    assert outcome.returncode == 1
    assert list(tmp_path.rglob("*")) == [workplace]


@pytest.mark.parametrize("compute", ["lambda", "Fargate", "2", ""])
def test_unknown_compute(template: Path, tmp_path: Path, compute: str) -> None:
    sentence = f"The compute {compute!r} is neither 'fargate' nor 'ec2': use one of them."
    assert_refused(template, tmp_path, {"compute": compute}, sentence)


@pytest.mark.parametrize("description", ["two\nlines", "a\ttab", "a bell \a"])
def test_description_that_would_break_a_file(
    template: Path, tmp_path: Path, description: str
) -> None:
    sentence = f"The description {description!r} isn't one line of text: write one, for people."
    assert_refused(template, tmp_path, {"description": description}, sentence)


@pytest.mark.parametrize(
    "defaults, sentence",
    [
        (
            "compute: lambda",
            "The compute 'lambda' is neither 'fargate' nor 'ec2': use one of them.",
        ),
        ("domain:", "domain is None where text belongs: put the answer in quotes."),
        ("project: yes", "project is True where text belongs: put the answer in quotes."),
    ],
)
def test_unusable_default_of_a_configuration_file(
    template: Path, tmp_path: Path, defaults: str, sentence: str
) -> None:
    configuration = tmp_path / "defaults.yaml"
    configuration.write_text(f"default_context: {{{defaults}}}\nreplay_dir: {tmp_path}/replay\n")
    outcome = cookiecutter(template, "--config-file", str(configuration), cwd=tmp_path)
    assert (outcome.stdout, outcome.stderr) == ("", sentence + "\n")
    assert outcome.returncode == 1
    assert list(tmp_path.iterdir()) == [configuration]


@pytest.fixture(scope="module")
def replay(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What cookiecutter keeps of a generation's answers."""
    folder = tmp_path_factory.mktemp("replay")
    settings = folder / "settings.yaml"
    settings.write_text(f"replay_dir: {folder}\n")
    cookiecutter(template, "--config-file", str(settings), cwd=folder)
    return json.loads((folder / "template.json").read_text())["cookiecutter"]


@pytest.mark.parametrize("unknown", ["_repo_dir", "__compute"])  # as an older template's file
@pytest.mark.parametrize(
    "answer, sentence",
    [
        ({"project": "Orders"}, f"The project name 'Orders' {PROJECTS['Orders']}"),
        ({"compute": None}, "compute is None where text belongs: put the answer in quotes."),
    ],
)
def test_replay_is_checked(
    template: Path,
    tmp_path: Path,
    replay: dict[str, object],
    answer: dict[str, object],
    sentence: str,
    unknown: str,
) -> None:
    kept = {question: replay[question] for question in replay if question != unknown} | answer
    file, output = tmp_path / "answers.json", tmp_path / "output"
    file.write_text(json.dumps({"cookiecutter": kept}))
    output.mkdir()
    with pytest.raises(SystemExit) as refused:
        generate_here(str(template), replay=str(file), output_dir=str(output))
    assert refused.value.code == sentence
    assert list(output.iterdir()) == []


def test_replay_of_some_answers_asks_for_the_others(template: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text('{"cookiecutter": {"project": "billing"}}')
    outcome = run(
        BIN / "cookiecutter", template, "--replay-file", answers, cwd=tmp_path, typed="\n" * 4
    )
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "billing/vendor/stackkit").is_dir()


def test_disk_without_room_is_refused_before_the_first_file(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert_refused(template, tmp_path, {}, f"{tmp_path} has no room for a project: it takes 4 MiB.")


@pytest.mark.parametrize("project", ["ab", "a1", "eighteen-character", "a-b-c-d", "internals"])
def test_usable_project_name(template: Path, tmp_path: Path, project: str) -> None:
    assert generate(template, tmp_path, f"project={project}").name == project


@pytest.mark.parametrize("domain", ["example.com", "a.b.c.example.com", "xn--bcher-kva.example"])
def test_usable_domain(template: Path, tmp_path: Path, domain: str) -> None:
    generate(template, tmp_path, f"domain={domain}")


@pytest.mark.parametrize(
    "answers, sentence",
    [
        ({"project": "9lives"}, "The project name '9lives' doesn't start with a letter"),
        ({"project": "a/b"}, "The project name 'a/b' holds more than lower case letters"),
        ({"domain": "localhost"}, "The domain 'localhost' has no dot"),
        ({"aws_region": "us-west-1"}, "The region 'us-west-1' gives new accounts two zones"),
    ],
)
def test_cruft_refuses_too(
    repository: Path, tmp_path: Path, answers: dict[str, str], sentence: str
) -> None:
    outcome = cruft_create(f"file://{repository}", tmp_path, json.dumps(answers))
    assert outcome.stderr.startswith(sentence)
    assert outcome.stderr.count("\n") == 1
    assert outcome.returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["project=Orders"],
        ["aws_region=us-west-1"],
        ["aws_region=us-west-1", "--overwrite-if-exists"],
    ],
)
def test_existing_folder_stays_as_it_is(
    template: Path, tmp_path: Path, arguments: list[str]
) -> None:
    for name in ("orders", "Orders"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    assert cookiecutter(template, *arguments, cwd=tmp_path).returncode == 1
    assert contents(tmp_path) == before
