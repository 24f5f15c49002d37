import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from servicekit.dev.processes import free_port
from servicekit.testing.service import environment_of, with_empty_cache
from servicekit.testing.waiting import HANG
from servicekit.tests.scraping import settled, value
from servicekit.tests.served import server_process
from servicekit.tests.waiting import wait_until

SECRET = "0123456789abcdef"
KNOWN = {"authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Settings]:
    own = replace(
        with_empty_cache(settings),
        environment="production",
        port=free_port(),
        admin_port=free_port(2),
        profile_secret=SECRET,
    )
    with server_process(own):
        settled(own.admin_port, lambda now: value(now, "worker_processes") == 1)
        yield own


def ask(running: Settings, query: str, headers: dict[str, str] = KNOWN) -> httpx.Response:
    url = f"http://127.0.0.1:{running.admin_port}/profile?{query}"
    return httpx.post(url, headers=headers, timeout=HANG)


@contextmanager
def load(running: Settings) -> Iterator[None]:
    ended = threading.Event()

    def ask_on() -> None:
        with httpx.Client() as client:
            while not ended.is_set():
                client.get(f"http://127.0.0.1:{running.port}/items?limit=100")

    thread = threading.Thread(target=ask_on)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_profile_names_the_code_that_ran(running: Settings) -> None:
    profile: dict[str, Any] = {}

    def names_the_handler() -> bool:
        answer = ask(running, "seconds=1&format=speedscope")
        assert answer.status_code == 200
        profile.update(json.loads(answer.content))
        return "list_items" in {frame["name"] for frame in profile["shared"]["frames"]}

    with load(running):
        wait_until(names_the_handler)  # a busy machine may serve nothing within one second
    assert profile["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    (sampled,) = profile["profiles"]
    assert sampled["endValue"] - sampled["startValue"] >= 0.9  # of the second asked for


def test_command_writes_a_page(running: Settings, tmp_path: Path) -> None:
    page = tmp_path / "profile.html"
    arguments = ["--seconds", "0.2", "--out", str(page)]
    taken = _command(environment_of(running), *arguments)
    assert taken.returncode == 0, taken.stderr
    assert page.read_text().startswith("<!DOCTYPE html>")

    refused = _command({**environment_of(running), "PROFILE_SECRET": "not the right one"})
    assert (refused.returncode, refused.stderr) == (1, "401: The secret is not right.\n")
    for seconds in ("nan", "-1", "61"):
        refused = _command(environment_of(running), "--seconds", seconds)
        sentence = "400: `seconds` is above 0 and at most 60.\n"
        assert (refused.returncode, refused.stderr) == (1, sentence)


@pytest.mark.parametrize("port", ["1", "x", "-1", "99999", "٨٠", "8 0"])
def test_command_without_an_answer_says_so_in_one_sentence(running: Settings, port: str) -> None:
    gone = _command({**environment_of(running), "ADMIN_PORT": port})
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"127.0.0.1:{port} does not answer: ")
    assert gone.stderr.count("\n") == 1


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}, {"authorization": SECRET}])
def test_wrong_secret_is_401_and_counted(running: Settings, headers: dict[str, str]) -> None:
    before = settled(running.admin_port, lambda now: True)
    assert ask(running, "seconds=1", headers).status_code == 401
    refused = value(before, "profile_requests_refused_total") + 1
    settled(running.admin_port, lambda now: value(now, "profile_requests_refused_total") == refused)


def test_second_profile_meanwhile_is_409(running: Settings) -> None:
    answers: list[int] = []

    def profile() -> None:
        answers.append(ask(running, "seconds=2").status_code)

    both = [threading.Thread(target=profile) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(answers) == [200, 409]
    assert ask(running, "seconds=0.1").status_code == 200


@pytest.mark.parametrize(
    "query", ["seconds=0", "seconds=61", "seconds=x", "seconds=nan", "format=svg"]
)
def test_unusable_wish_is_400(running: Settings, query: str) -> None:
    assert ask(running, query).status_code == 400


def _command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "servicekit.server.profile", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
