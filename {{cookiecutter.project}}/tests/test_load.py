"""What someone sees who types `make load`."""

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
from load import target
from servicekit.dev.processes import free_port
from servicekit.testing.service import server_process

PROJECT = Path(__file__).parent.parent
ASKING = "from load import target; target.confirm('https://api.example.com', '9 users')"


def load(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::DeprecationWarning", "-m", "load", *options]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True
    )


def test_a_service_of_its_own_answers_each_kind_of_request() -> None:
    outcome = load("--users=20", "--seconds=3", "--p99-ms=10000", PORT=str(free_port()))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "0 failed: within the objective" in outcome.stdout
    asked = set(re.findall(r"^([A-Z]+ +/\S+)", outcome.stderr, re.MULTILINE))
    asked = {" ".join(line.split()) for line in asked}
    assert {"GET /items/{id}", "GET /data/{id}", "POST /items", "DELETE /items/{id}"} <= asked
    assert "</html>" in (PROJECT / "reports/load.html").read_text()


def test_a_missed_objective_is_said_and_nothing_is_left_behind(settings: Settings) -> None:
    settings = replace(settings, port=free_port())
    with server_process(settings):
        before = item_ids(settings.port)
        short = load("--users", "5", "--seconds", "2", "--p99-ms", "1", PORT=str(settings.port))
        after = item_ids(settings.port)
    assert short.returncode == 1
    assert "and 1 ms were wanted" in short.stdout
    assert after == before


def item_ids(port: int) -> list[int]:
    """Of all items that there are, whoever made them."""
    ids, path = [], "/items?limit=100"
    while path:
        page = httpx.get(f"http://127.0.0.1:{port}{path}").json()
        ids += [item["id"] for item in page["items"]]
        path = page["next"]
    return ids


@pytest.mark.parametrize(
    "host, why",
    [
        ("https://other.example.com", "is not in load/targets.txt"),
        ("http://api.example.com", "is not in load/targets.txt"),
        ("https://api.example.com:8443", "is not in load/targets.txt"),
        ("https://api.example.com/items", "more than scheme, name and port"),
        ("https://user:secret@api.example.com", "more than scheme, name and port"),
        ("api.example.com", "is no address"),
        ("http://127.0.0.1:port", "is no address"),
    ],
)
def test_a_host_that_was_not_named_is_refused(host: str, why: str) -> None:
    with pytest.raises(target.Refused, match=why):
        target.check(host, ["https://api.example.com"])


@pytest.mark.parametrize("host", ["http://127.0.0.9:80/", "http://localhost", "http://[::1]:8000"])
def test_this_machine_needs_no_naming(host: str) -> None:
    assert urlsplit(target.check(host, [])).hostname == urlsplit(host).hostname


def test_a_named_host_is_known_in_any_spelling() -> None:
    address = target.check("https://API.example.com:443/", ["https://api.example.com"])
    assert address == "https://api.example.com"


def test_with_no_terminal_only_yes_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    with pytest.raises(target.Refused, match="YES=1"):
        target.confirm("https://api.example.com", "9 users")
    monkeypatch.setenv("YES", "1")
    target.confirm("https://api.example.com", "9 users")


@pytest.mark.parametrize("typed, code", [("yes\n", 1), ("api.example.com\n", 0)])
def test_the_name_has_to_be_typed(typed: str, code: int) -> None:
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASKING], cwd=PROJECT, stdin=terminal, stderr=subprocess.DEVNULL
    ) as asking:
        os.write(ours, typed.encode())
    with suppress(OSError):
        os.close(terminal)
    os.close(ours)
    assert asking.returncode == code


def test_nothing_is_started_where_nothing_answers() -> None:
    outcome = load("--host", f"http://127.0.0.1:{free_port()}", "--seconds", "1")
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "refused" in outcome.stderr


@pytest.mark.parametrize("option", ["--users=0", "--seconds=100000", "--spawn-rate=x"])
def test_a_profile_has_bounds(option: str) -> None:
    outcome = load(option)
    assert outcome.returncode == 2
    assert "is not a whole number from 1 to" in outcome.stderr
