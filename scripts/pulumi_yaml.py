"""Writes the keys of a stack into a project's Pulumi.yaml.

`PYTHONPATH=infra python scripts/pulumi_yaml.py`
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from key_descriptions import DESCRIPTIONS

from stackkit.settings.config import KEYS

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
    file = Path(__file__).parents[1] / "{{cookiecutter.project}}/infra/Pulumi.yaml"
    file.write_text(updated(file.read_text()))
