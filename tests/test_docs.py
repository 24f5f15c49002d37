"""Links, commands and files that the pages of the template and of a project name."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generating import ROOT, contents, generate, run, with_tools

LAYER = re.compile(r"^\| \d+ \| `(\w+)` \|", re.MULTILINE)
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)


def links(project: Path) -> Iterator[tuple[Path, str]]:
    for page in (project / "README.md", *project.glob("docs/*.md"), *project.glob("infra/**/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            yield page, target


def test_no_link_leads_nowhere(project: Path) -> None:
    found = list(links(project))
    assert len(found) > 10
    assert [(page, to) for page, to in found if not (page.parent / to).exists()] == []


def test_every_command_that_a_page_names_exists(project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in (project / "README.md", *project.glob("docs/*.md"))
        for target in re.findall(r"`?make ([a-z-]+)(?=[ `\n])", page.read_text())
    }
    assert {"dev", "check", "deploy", "rollback", "plan"} <= named
    assert named - targets == set()


def test_every_file_that_a_page_of_delivery_names_exists(project: Path) -> None:
    for page in ("deploying", "scaling", "cost", "removing", "observability", "adding-a-domain"):
        text = BLOCK.sub("", (project / f"docs/{page}.md").read_text())
        for path in re.findall(r"`((?:app|infra|components|delivery|tests|load)/[\w/.]+)`", text):
            places = (project / path, project / "infra" / path, project / "vendor/stackkit" / path)
            new = path == "infra/capacity.json" or re.search(r"books|notes|quotes", path)
            assert new or any(place.exists() for place in places), f"{page}: {path}"


def test_files_of_a_project_name_files_that_exist(project: Path) -> None:
    """In text and comments; pages on what a team adds name files that are not there yet."""
    path = re.compile(
        r"(?<![\w./-])(?:app|infra|load|tests|vendor|docs|migrations)/[\w./]+\.[a-z]+\b"
    )
    added = re.compile(r"infra/capacity.json|books|notes|quotes|stock|ticks")
    own = [file for file in contents(project) if not file.startswith("vendor/")]
    named = {
        (file, name)
        for file in own
        for name in path.findall((project / file).read_text(errors="replace"))
        if not added.search(name)
    }
    assert len(named) > 20
    assert {(file, name) for file, name in named if not (project / name).exists()} == set()


def test_pages_of_the_template_link_to_what_exists() -> None:
    found = [
        (page, to) for page in PAGES for to in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    ]
    assert len(found) > 20
    assert [(page, to) for page, to in found if not page.parent.joinpath(to).exists()] == []


def test_every_command_of_the_templates_pages_exists() -> None:
    targets = {
        target
        for folder in (ROOT, ROOT / "{{cookiecutter.project}}")
        for target in re.findall(r"^([a-z-]+):", (folder / "Makefile").read_text(), re.MULTILINE)
    }
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    named = {
        target
        for page in pages
        for target in re.findall(r"make ([a-z-]+)(?=[ `\n])", page.read_text())
    }
    assert {"demo", "test", "bench", "rehearse"} <= named
    assert named - targets == set()


def test_architecture_lists_the_layers_in_the_order_of_the_pipeline() -> None:
    listed = LAYER.findall((ROOT / "docs/architecture.md").read_text())
    source = (ROOT / "servicekit/pipeline.py").read_text()
    _, _, listing = source.partition("    chosen: list")
    listing, _, _ = listing.partition("    return [layer")
    listing = listing.replace("_authentication(", "AuthenticationMiddleware(")
    built = re.findall(r"\b([A-Z][a-z]\w+)(?=[,)(])", listing)
    assert listed == [name for name in built if name != "True"]


def test_readmes_stay_short(project: Path) -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110
    assert len((project / "README.md").read_text().splitlines()) <= 90


# What runs without an account, a network or a running service, and ends by itself.
RUNS = re.compile(r"make (help|plan|simulate|rehearse|runbooks)\b")


def commands(page: Path) -> Iterator[str]:
    """The lines of a page's command blocks, indented by four spaces, and those in its text."""
    text = page.read_text()
    for line in re.findall(r"^    (make .*)$", text, re.MULTILINE):
        yield re.sub(r"\s+#.*", "", line)
    yield from (" ".join(line.split()) for line in re.findall(r"`(make [^`…]*)`", text))


@pytest.mark.extra("runs each command, some of which take half a minute")
def test_commands_of_the_pages_run(template: Path, tmp_path: Path) -> None:
    """By the template's environment, which has what infra/ needs."""
    project = generate(template, tmp_path)
    tools = shlex.join(with_tools(project))
    (project / "last-week.csv").write_text("time,requests_per_second\n0,900\n60,950\n120,900\n")
    prices = {"eu-central-1": {"as_of": "2026-10-02", "source": "test", "prices": {}}}
    (project / "prices.json").write_text(json.dumps(prices))
    pages = [project / "README.md", *sorted((project / "docs").glob("*.md"))]
    typed = {line for page in pages for line in commands(page) if RUNS.match(line)}
    assert len(typed) >= 5
    typed.add("make rehearse")
    refused = "make plan STACK=prod CONCURRENCY=500000"  # which a page says
    failed = {}
    for line in sorted(typed):
        outcome = run("sh", "-c", f"{line} {tools}", cwd=project)
        if (outcome.returncode == 0) == (line == refused):
            failed[line] = outcome.stdout + outcome.stderr
    assert failed == {}
