import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from servicekit.dev.lock import only_one
from servicekit.dev.processes import free_port
from servicekit.testing.waiting import HANG

PROJECT = Path(__file__).parents[3] / "{{cookiecutter.project}}"


@contextmanager
def local_service(
    folder: Path, *, module: str = "servicekit.dev.server", **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """`make dev`, or another `module`, with its data in `folder`."""
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    for needed in ("app", "migrations", "pyproject.toml"):
        if not (folder / needed).exists():
            (folder / needed).symlink_to(PROJECT / needed)
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=folder,
        env={**bare, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        _kill_all(process)
        process.communicate()


def _kill_all(process: subprocess.Popen[str]) -> None:
    """A failed test's service has not ended what it started, and that keeps our pipe open."""
    with suppress(psutil.NoSuchProcess):
        started = descendants(process)
        process.kill()
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came; this did:\n{seen}")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow("starts PostgreSQL, Valkey and the service")
def test_everything_that_was_started_ends_with_it(tmp_path: Path, ending: signal.Signals) -> None:
    port = free_port()
    with local_service(tmp_path, PORT=str(port)) as process:
        read_until(process, "Ctrl-C stops everything")
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/data/1").json()["source"] == "external"
        started = descendants(process)
        assert {"postgres", "valkey-server"} <= {child.name() for child in started}

        process.send_signal(ending)
        process.communicate(timeout=HANG)
    assert process.returncode == 0
    assert psutil.wait_procs(started, timeout=HANG)[1] == []


@pytest.mark.slow("starts PostgreSQL, Valkey and the service twice")
def test_data_is_kept_between_runs(tmp_path: Path) -> None:
    answers: list[int] = []
    for _ in range(2):
        port = free_port()
        with local_service(tmp_path, PORT=str(port)) as process:
            read_until(process, "Ctrl-C stops everything")
            url = f"http://127.0.0.1:{port}/items"
            answers.append(httpx.get(f"{url}/1").status_code)
            httpx.post(url, json={"name": "tea", "price_cents": 1})
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=HANG)
    assert answers == [404, 200]


@pytest.mark.slow("starts PostgreSQL, Valkey and the service, which reloads twice")
def test_half_written_file_is_served_once_it_is_whole(tmp_path: Path) -> None:
    app = shutil.copytree(PROJECT / "app", tmp_path / "app")
    whole = (app / "main.py").read_text()
    port = free_port()
    with local_service(tmp_path, PORT=str(port)) as process:
        read_until(process, "Ctrl-C stops everything")
        (app / "main.py").write_text(f"{whole}x = (\n")
        assert "SyntaxError" in read_until(process, "Unexpected exit from worker")
        (app / "main.py").write_text(whole)
        read_until(process, "Started worker")
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200


def test_start_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    (tmp_path / "migrations").mkdir()  # empty, so that alembic fails
    with local_service(tmp_path, REDIS_URL=unreachable) as process:
        output, _ = process.communicate(timeout=HANG)

    assert process.returncode == 1
    assert output.splitlines()[-1].endswith("nothing was served.")
    here = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info["cmdline"])]
    assert here == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's files")
def test_data_folder_that_can_not_be_written_has_postgresqls_reason(tmp_path: Path) -> None:
    with local_service(tmp_path) as process:  # which has not come to PostgreSQL yet
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (2**20, 2**20))
        output, _ = process.communicate(timeout=HANG)

    assert process.returncode == 1
    assert re.fullmatch(
        "PostgreSQL could not make its data folder: could not .*: File too large", output.strip()
    )


@pytest.mark.parametrize("port", ["eighty", "80000", "0", "-1", "99999999999", "8000.5", "٨٠٠٠"])
def test_unusable_port_is_one_sentence(tmp_path: Path, port: str) -> None:
    with local_service(tmp_path, PORT=port) as process:
        output, _ = process.communicate(timeout=HANG)

    assert process.returncode == 1
    assert output == (f"PORT {port} is not a free port from 1 to 65535; choose another, or none.\n")


@pytest.mark.parametrize(
    "setting", [{"ADMIN_PORT": "80000"}, {"CORS_ORIGINS": "*"}, {"DB_POOL_SIZE": "ten"}], ids=str
)
def test_unusable_setting_is_one_sentence_before_anything_starts(
    tmp_path: Path, setting: dict[str, str]
) -> None:
    with local_service(tmp_path, **setting) as process:
        output, _ = process.communicate(timeout=HANG)

    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("The environment is not usable: ")
    assert len(output.splitlines()) <= 2  # a first one may name the port, where 8000 is taken


def test_second_dev_server_in_a_project_names_the_first(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    data = tmp_path / ".local"
    with only_one(data, address), local_service(tmp_path) as process:
        output, _ = process.communicate(timeout=HANG)
    sentence = f"One runs already, at {address}; end it with Ctrl-C first."
    assert process.returncode == 1
    assert output.splitlines()[-1] == sentence
    assert not (data / "postgres").exists()
    with only_one(data, address):  # it ended with the block above
        command = [sys.executable, "-m", "servicekit.dev.lock", str(data)]
        check = subprocess.run(command, capture_output=True, text=True)
    assert (check.returncode, check.stderr) == (1, f"{sentence}\n")
