"""Writes the config block of Pulumi.yaml: `python -m stackkit.settings.schema` in infra/."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from stackkit.settings.config import KEYS
from stackkit.settings.descriptions import DESCRIPTIONS

_START = "config:\n"


def updated(pulumi_yaml: str) -> str:
    """The file with the block that the keys say; the block is the last of the file."""
    before, _, _ = pulumi_yaml.partition(_START)
    return before + _START + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for name, key in KEYS.items():
        yield f"  {name}:"
        yield "    description: >-"
        yield from (f"      {line}" for line in textwrap.wrap(DESCRIPTIONS[name], 94))
        kind = key.metadata["kind"]
        yield f"    type: {kind}"
        if kind == "array":
            yield "    items: {type: string}"
        yield f"    default: {json.dumps(key.default)}"


if __name__ == "__main__":
    file = Path("Pulumi.yaml")
    file.write_text(updated(file.read_text()))
