"""The service does what its OpenAPI document says, with valid input and with invalid."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port, service
from servicekit.testing.service import environment_of, with_empty_cache

PROJECT = Path(__file__).parents[1]


@pytest.mark.slow("hundreds of requests to each route")
async def test_every_operation_keeps_to_the_document(settings: Settings, tmp_path: Path) -> None:
    """All checks of Schemathesis: single requests, and sequences of them. 12 examples of each
    operation, the same in every run."""
    served = replace(with_empty_cache(settings), port=free_port(), upstream_timeout=5.0)
    command = [
        sys.executable, "-m", "schemathesis.cli",
        "--config-file", str(PROJECT / "schemathesis.toml"),
        "run", f"http://127.0.0.1:{served.port}/schema/openapi.json",
        "--generation-deterministic", "--max-examples", "12", "--no-color",
    ]  # fmt: skip
    with service(tmp_path, environment_of(served)):
        ran = await asyncio.to_thread(  # the stand-in upstream runs here, in the event loop
            subprocess.run,
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])},
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
    passed = re.search(r"([0-9,]+) generated, ([0-9,]+) passed", ran.stdout)
    assert passed
    assert int(passed[2].replace(",", "")) > 300
