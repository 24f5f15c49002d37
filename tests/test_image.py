"""The image without Docker: its file is linted, its steps are run, and what they made serves."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.dockerfile import BuiltImage, build
from tests.generating import BIN, ROOT, SERVICE, run

BUILD = "0123456789ab"
# prints where the servers are, and ends when nobody listens any more
SERVERS = """
import json, os, sys
from pathlib import Path
from servicekit.dev.servers import servers
with servers(Path(sys.argv[1]), os.environ) as urls:
    print(json.dumps(urls), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def image(project: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltImage:
    return build(project, tmp_path_factory.mktemp("image") / "root", {"BUILD_ID": BUILD})


@contextmanager
def servers(demo: Path, folder: Path) -> Iterator[dict[str, str]]:
    command = [str(demo / ".venv/bin/python"), "-c", SERVERS, str(folder)]
    with subprocess.Popen(
        command, cwd=demo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        # the lines before are for people
        found = next(line for line in process.stdout if line.startswith("{"))
        yield json.loads(found)
        process.stdin.close()


@contextmanager
def serving(image: BuiltImage, given: dict[str, str], log: Path) -> Iterator[None]:
    process = image.start(image.command, given, log)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def test_dockerfile_is_linted() -> None:
    outcome = run(BIN / "hadolint", ROOT / SERVICE / "Dockerfile", cwd=ROOT)
    assert (outcome.returncode, outcome.stdout) == (0, "")


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_pins_are_to_be_had_for_both_processors(
    demo: Path, project: Path, tmp_path: Path, processor: str
) -> None:
    command = ["pip", "install", "--dry-run", "--require-hashes", "--only-binary=:all:"]
    place = ["--python-version=3.13", f"--python-platform={processor}-manylinux_2_28"]
    outcome = run(
        demo / ".venv/bin/uv",
        *(*command, *place, f"--target={tmp_path}", "--requirement", "requirements.txt"),
        cwd=project,
    )
    assert outcome.returncode == 0, outcome.stderr


def test_image_serves_unprivileged_and_writes_nothing(
    image: BuiltImage, demo: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert image.user == "10001:10001"
    assert image.run(["touch", "anything"], {}, log) != 0  # what is shown below is not free
    with servers(demo, tmp_path / "data") as urls:
        given = {**urls, "HOST": "127.0.0.1", "PORT": "18923"}
        assert image.run(["alembic", "upgrade", "head"], given, log) == 0, log.read_text()
        with serving(image, given, log):
            assert ready("http://127.0.0.1:18923", log) == {
                "status": "ready",
                "build": BUILD,
                "database": "ok",
                "cache": "ok",
            }
            check = [word.replace("8000", "18923") for word in image.health_check]
            assert image.run(check, given, log) == 0, log.read_text()
        assert image.run(check, given, log) != 0


@pytest.mark.extra("builds the image's environment")
def test_image_has_no_tools_of_the_build(image: BuiltImage) -> None:
    [packages] = image.folder.glob("venv/lib/*/site-packages")
    left = {
        path.name for folder in (packages, image.folder / "venv/bin") for path in folder.iterdir()
    }
    assert not left & {"pip", "setuptools", "wheel", "uv", "pytest"}
    compiled = image.folder / "service/app/__pycache__"
    assert compiled.is_dir()  # or each start would do it again


def ready(url: str, log: Path) -> object:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), urlopen(f"{url}/ready", timeout=5) as answer:
            return json.load(answer)
        time.sleep(0.2)
    raise AssertionError(log.read_text())
