"""What the image is made of: pins that hold, and no more files than it needs."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS = Path("requirements.txt").read_text()


def test_pins_satisfy_the_requirements_of_the_project() -> None:
    """After a change of the dependencies: `make lock`."""
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", PINS, re.MULTILINE))
    asked = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(pinned[name]), requirement


def test_each_pin_has_hashes_and_no_address() -> None:
    pins = re.split(r"\n(?=[a-z0-9])", PINS.partition("make lock\n")[2])
    assert len(pins) > 20
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
    assert "://" not in PINS
    assert "--index-url" not in PINS


def test_image_context_has_the_needed_files_only() -> None:
    sent = [line[1:] for line in Path(".dockerignore").read_text().splitlines() if line[0] == "!"]
    copied = re.findall(r"^COPY (\w\S+)", Path("Dockerfile").read_text(), re.MULTILINE)
    assert sorted(sent) == sorted(copied)
    assert {"app", "migrations", "requirements.txt"} <= set(sent)
