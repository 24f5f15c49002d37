"""A project in git, commands that write down what they are asked, and AWS by its own models."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cloud import REGION
from stackkit.tools.deploy.__main__ import main

STACK_FILE = """\
config:
  aws:region: {region}
  shop:tier: dev
  shop:compute: {compute}
  shop:upstream_url: "{upstream}"
  shop:cache_password: {{secure: v1:sealed}}
"""
# each command: writes down its arguments and what it was handed, then answers as it was told to
COMMAND = """\
#!{python} -ES
import json, os, sys
folder, name = os.path.dirname(__file__), os.path.basename(__file__)
arguments = sys.argv[1:]
handed = "" if sys.stdin.isatty() or name != "docker" or "login" not in arguments \
    else sys.stdin.read()
config = ""
if "--config-file" in arguments:
    config = open(arguments[arguments.index("--config-file") + 1]).read()
with open(folder + "/asked", "a") as asked:
    print(json.dumps([name, arguments, handed, config, os.environ.get("PULUMI_BACKEND_URL", "")]),
          file=asked)
for entry in json.load(open(folder + "/answers")):
    words, out, error, code, then = entry
    if all(word in [name, *arguments] for word in words):
        sys.stdout.write(out)
        sys.stderr.write(error)
        if then is not None:
            with open(folder + "/answers") as file:
                rest = json.load(file)
            with open(folder + "/answers", "w") as file:
                json.dump(then + rest, file)
        sys.exit(code)
sys.exit(f"{{name}} was asked {{arguments}}, and nobody said what to answer")
"""


@dataclass
class Asked:
    name: str
    arguments: list[str]
    handed: str
    config: str
    backend: str


@dataclass
class FakeCommands:
    """docker and pulumi, on PATH before the real ones."""

    folder: Path

    def put(self, *names: str) -> None:
        for name in names:
            file = self.folder / name
            file.write_text(COMMAND.format(python=sys.executable))
            file.chmod(0o755)

    def answer(
        self, *words: str, out: Any = "", error: str = "", code: int = 0, then: Any = None
    ) -> None:
        """To whatever has these words; the last said is heard first."""
        file = self.folder / "answers"
        known = json.loads(file.read_text()) if file.exists() else []
        text = out if isinstance(out, str) else json.dumps(out)
        file.write_text(json.dumps([[words, text, error, code, then], *known]))

    def asked(self, *words: str) -> list[Asked]:
        file = self.folder / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        every = [Asked(*json.loads(line)) for line in lines]
        return [one for one in every if all(word in [one.name, *one.arguments] for word in words)]


AWS = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


@cache
def client(service: str) -> Any:
    """Made once: most of its time goes into reading the models."""
    return AWS.client(service)


@dataclass
class Session:
    """AWS answers what a test has written down, in that order; botocore holds it to its models."""

    stubs: dict[str, tuple[Any, Stubber]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.stubs:
            made = client(service)
            stub = Stubber(made)
            stub.activate()
            self.stubs[service] = made, stub
        return self.stubs[service][0]

    def says(self, service: str, method: str, answer: Mapping[str, Any], **asked: Any) -> None:
        self.client(service)
        self.stubs[service][1].add_response(method, dict(answer), asked or None)

    def refuses(self, service: str, method: str, code: str, message: str = "") -> None:
        self.client(service)
        self.stubs[service][1].add_client_error(method, code, message)

    def check_all_was_asked(self) -> None:
        for _, stub in self.stubs.values():
            stub.assert_no_pending_responses()

    def close(self) -> None:
        for _, stub in self.stubs.values():
            stub.deactivate()


def make_project(
    folder: Path, compute: str = "fargate", region: str = REGION, upstream: str = "https://up.test"
) -> Path:
    """The project's infra/, committed."""
    infra = folder / "shop" / "infra"
    infra.mkdir(parents=True)
    (infra / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (infra.parent / "main.py").write_text("")
    (infra / "Pulumi.dev.yaml").write_text(
        STACK_FILE.format(compute=compute, region=region, upstream=upstream)
    )
    for command in ("init -q", "add .", "commit -qm all"):
        subprocess.run(["git", *command.split()], cwd=infra.parent, check=True, env=_git())
    return infra


def _git() -> dict[str, str]:
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    return os.environ | dict.fromkeys(names, "tester") | {"GIT_CONFIG_GLOBAL": "/dev/null"}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def answering(builds: Sequence[str]) -> Iterator[str]:
    """A service whose /ready tells of one build after the other, and of the last one for ever."""
    left = list(builds)

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            build = left.pop(0) if len(left) > 1 else left[0]
            body = json.dumps({"status": "ready", "build": build}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class DeployScenario:
    """One command of a person, on a project of theirs."""

    infra: Path
    commands: FakeCommands
    session: Session
    capture: pytest.CaptureFixture[str]
    clock: Clock

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--stack", "dev"], self.infra)
        self.session.check_all_was_asked()
        told = self.capture.readouterr()
        return code, told.out, told.err

    @property
    def commit(self) -> str:
        command = ["git", "rev-parse", "--short=12", "HEAD"]
        answer = subprocess.run(command, cwd=self.infra, check=True, capture_output=True, text=True)
        return answer.stdout.strip()
