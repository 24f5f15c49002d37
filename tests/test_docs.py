"""Links, commands and files that a generated project's pages name."""

import re
from collections.abc import Iterator
from pathlib import Path

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
    for page in ("deploying", "numbers", "cost", "removing", "adding-a-domain"):
        text = BLOCK.sub("", (project / f"docs/{page}.md").read_text())
        for path in re.findall(r"`((?:app|infra|components|delivery|tests|load)/[\w/.]+)`", text):
            places = (project / path, project / "infra" / path, project / "vendor/stackkit" / path)
            new = "books" in path
            assert new or any(place.exists() for place in places), f"{page}: {path}"
