"""What users of a project rely on by name: a rename here breaks deployed services."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from litestar import Litestar

from app.main import create_app
from app.settings import Settings, load_settings
from servicekit.telemetry.metrics import METRICS
from tests.generating import ROOT, SERVICE

SNAPSHOT = json.loads(Path(__file__).with_name("public_interface.json").read_text())
ENVIRONMENT = {
    "ENVIRONMENT": "local",  # with /schema
    "DATABASE_URL": "postgresql://localhost/none",
    "REDIS_URL": "redis://localhost",
    "UPSTREAM_URL": "http://localhost",
}


def environment_variables() -> dict[str, str]:
    fields = msgspec.structs.fields(Settings)
    return {field.encode_name: "required" if field.required else "optional" for field in fields}


def metrics() -> dict[str, str]:
    return {name: f"{m.kind}({', '.join(m.labels)})" for name, m in METRICS.items()}


def routes() -> dict[str, str]:
    """Methods by path; the names of path parameters are no part of the interface."""
    app = create_app(load_settings(ENVIRONMENT)).app
    assert isinstance(app, Litestar)
    return {
        re.sub(r"\{\w+", "{", route.path): " ".join(sorted(route.methods))
        for route in app.routes
        if hasattr(route, "methods")
    }


def make_targets() -> dict[str, str]:
    makefile = (ROOT / SERVICE / "Makefile").read_text()
    return dict.fromkeys(re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE), "target")


READ = {
    "environment variables": environment_variables,
    "metrics": metrics,
    "routes": routes,
    "make targets": make_targets,
}


@pytest.mark.parametrize("kind", READ)
def test_public_names_are_those_of_the_snapshot(kind: str) -> None:
    now = READ[kind]()
    removed = {name: text for name, text in SNAPSHOT[kind].items() if name not in now}
    assert removed == {}
    changed = {name: text for name, text in SNAPSHOT[kind].items() if now[name] != text}
    assert changed == {}, "what was optional, was counted by a label or had a method has changed"
    assert sorted(now) == sorted(SNAPSHOT[kind]), "a new name: add it to public_interface.json"
