"""What a person sees who types `make load`."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from load import targets
from servicekit.dev.processes import free_port
from servicekit.tests.served import server_process
from verification import PROJECT

ASKING = "from load import targets; targets.confirm('https://api.example.com', '9 users')"


def load(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::DeprecationWarning", "-m", "load", *options]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True
    )


@pytest.mark.extra("loads a service of its own")
def test_started_service_gives_each_expected_response() -> None:
    outcome = load("--users=20", "--seconds=4", "--p99-ms=60000", PORT=str(free_port()))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert ", 0 % of 0.1 % failed: within the objective" in outcome.stdout
    names = set(
        re.findall(r"^(?:GET|POST|PATCH|DELETE) +(\w+ .*?)  ", outcome.stderr, re.MULTILINE)
    )
    assert {"GET item", "GET data", "POST item", "DELETE item"} <= names


@pytest.mark.extra("loads a service of its own")
def test_missed_objective_is_the_exit_code_and_no_item_is_left(settings: Settings) -> None:
    settings = replace(settings, port=free_port())
    with server_process(settings):
        before = item_ids(settings.port)
        short = load("--users", "5", "--seconds", "2", "--p99-ms", "1", PORT=str(settings.port))
        after = item_ids(settings.port)
    assert short.returncode == 1
    assert "outside the objective" in short.stdout
    assert after == before


def item_ids(port: int) -> list[int]:
    """Of all items of the service."""
    ids, path = [], "/items?limit=100"
    while path:
        page = httpx.get(f"http://127.0.0.1:{port}{path}").json()
        ids += [item["id"] for item in page["items"]]
        path = page["next"]
    return ids


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "targets.txt"
    file.write_text("# ours\nhttps://api.example.com  # production\n")
    monkeypatch.setattr(targets, "LIST", file)


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    "host, why",
    [
        ("https://other.example.com", "is not in load/targets.txt"),
        ("http://api.example.com", "is not in load/targets.txt"),
        ("https://api.example.com:8443", "is not in load/targets.txt"),
        ("https://api.example.com/items", "is not scheme, name and port"),
        ("https://user:secret@api.example.com", "is not scheme, name and port"),
        ("api.example.com", "is not scheme, name and port"),
        ("http://127.0.0.1:port", "is not scheme, name and port"),
        ("http://[::1", "is not scheme, name and port"),
        ("ftp://127.0.0.1", "is not scheme, name and port"),
    ],
)
def test_host_that_is_not_listed_is_rejected(host: str, why: str) -> None:
    with pytest.raises(targets.TargetRejected, match=why):
        targets.check(host)


@pytest.mark.parametrize("host", ["http://127.0.0.9:80/", "http://localhost", "http://[::1]:8000"])
def test_loopback_needs_no_listing(host: str) -> None:
    assert urlsplit(targets.check(host)).hostname == urlsplit(host).hostname


@pytest.mark.usefixtures("listed")
def test_listed_host_is_known_in_any_spelling() -> None:
    assert targets.check("https://API.example.com:443/") == "https://api.example.com"


def test_without_a_terminal_only_yes_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    with pytest.raises(targets.TargetRejected, match="YES=1"):
        targets.confirm("https://api.example.com", "9 users")
    monkeypatch.setenv("YES", "1")
    targets.confirm("https://api.example.com", "9 users")


@pytest.mark.parametrize("typed, code", [("yes\n", 1), ("api.example.com\n", 0)])
def test_name_has_to_be_typed(typed: str, code: int) -> None:
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASKING], cwd=PROJECT, stdin=terminal, stderr=subprocess.DEVNULL
    ) as asking:
        os.write(ours, typed.encode())
    with suppress(OSError):
        os.close(terminal)
    os.close(ours)
    assert asking.returncode == code


def test_no_service_is_started_for_a_host_that_does_not_answer() -> None:
    outcome = load("--host", f"http://127.0.0.1:{free_port()}", "--seconds", "1")
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "doesn't answer" in outcome.stderr


@pytest.mark.parametrize("option", ["--users=0", "--seconds=100000", "--spawn-rate=x"])
def test_options_have_bounds(option: str) -> None:
    outcome = load(option)
    assert outcome.returncode == 2
    assert "is not a whole number from 1 to" in outcome.stderr
