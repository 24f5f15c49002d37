"""What the measurements run on: servers on loopback, seeded, and the applications beside them."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path as Folder
from types import MappingProxyType

import asyncpg
import psutil

from load.processes import PROJECT, SERVICE, serving, stores
from load.upstream import SlowUpstream
from servicekit.dev.processes import free_port, free_port_pair
from servicekit.server.launch import GRANIAN
from verification.bench.paths import ITEMS, Path

ROOT = Folder(__file__).parents[2]
WORKERS = 4  # of each application
# Not sent to clients twice with the same value, or not by both.
_OWN_FIELDS = ("source", "id", "created_at", "updated_at")


@dataclass(frozen=True)
class App:
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU time that its processes have taken."""
        server = psutil.Process(self.pid)
        times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
        return sum(taken.user + taken.system for taken in times)


@dataclass(frozen=True)
class Stage:
    folder: Folder
    environment: Mapping[str, str]
    upstream: SlowUpstream

    @contextmanager
    def ours(self, settings: Mapping[str, str]) -> Iterator[App]:
        """The service as production runs it."""
        with self._serving("ours", SERVICE, PROJECT, settings) as running:
            yield running

    @contextmanager
    def uncounted(self, settings: Mapping[str, str]) -> Iterator[App]:
        """The same without its metrics."""
        without = {**settings, "ADMIN_PORT": "0"}
        with self._serving("uncounted", SERVICE, PROJECT, without) as running:
            yield running

    @contextmanager
    def yardstick(self, settings: Mapping[str, str]) -> Iterator[App]:
        command = [
            sys.executable, "-m", "gunicorn", "verification.bench.yardstick:app",
            "--workers", str(WORKERS), "--worker-class", "uvicorn_worker.UvicornWorker",
            "--timeout", "120",  # s; at its default of 30 it kills workers that a herd keeps busy
        ]  # fmt: skip
        with self._serving("yardstick", command, ROOT, settings) as running:
            yield running

    @contextmanager
    def bare(
        self, ours: App, path: Path, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[App]:
        """An application that repeats what `ours` answers, under the same Granian."""
        ask(ours, path)
        answer = ask(ours, path)
        kept = [[name, value] for name, value in answer.headers if name != "date"]
        recorded = self.folder / f"{path.name}.answer"
        recorded.write_text(
            json.dumps({"status": answer.status, "headers": kept, "body": answer.body.decode()})
        )
        own = {**GRANIAN, "GRANIAN_FACTORY": "false", "BARE_ANSWER": str(recorded)}
        command = [sys.executable, "-m", "granian", "verification.bench.bare:app"]
        with self._serving("bare", command, ROOT, {**own, **settings}) as running:
            yield running

    @contextmanager
    def _serving(
        self, name: str, command: Sequence[str], cwd: Folder, settings: Mapping[str, str]
    ) -> Iterator[App]:
        port = free_port()
        if "gunicorn" in command:
            command = [*command, "--bind", f"127.0.0.1:{port}"]
        environment = {
            **self.environment,
            "PORT": str(port),
            "ADMIN_PORT": str(free_port_pair()),
            "GRANIAN_PORT": str(port),
            "WEB_CONCURRENCY": str(WORKERS),
            "GRANIAN_WORKERS": str(WORKERS),
            **settings,
        }
        log = self.folder / f"{name}.log"
        url = f"http://127.0.0.1:{port}/health"
        with serving(command, url, cwd=cwd, log=log, environment=environment) as pid:
            yield App(port, pid)


@contextmanager
def stage(folder: Folder, upstream_delay: float = 0) -> Iterator[Stage]:
    with stores(folder) as urls, SlowUpstream.serving(upstream_delay) as upstream:
        asyncio.run(_seed(urls["DATABASE_URL"]))
        yield Stage(folder, {**urls, "UPSTREAM_URL": upstream.url}, upstream)


async def _seed(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO items (name, price_cents, description)"
        " SELECT 'tea ' || n, n, 'a box of ' || n FROM generate_series(1, $1::int) n",
        ITEMS,
    )
    await connection.execute("VACUUM ANALYZE items")
    await connection.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def ask(running: App, path: Path, number: int = 1) -> Answer:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=10)
    url, body = path.url.replace("{}", str(number)), path.body.replace("{}", str(number))
    connection.request(path.method, url, body or None, dict(path.headers))
    response: HTTPResponse = connection.getresponse()
    headers = [(name.lower(), value) for name, value in response.getheaders()]
    answer = Answer(response.status, headers, response.read())
    connection.close()
    return answer


def comparable(answer: Answer) -> object:
    """What two applications that do the same must agree on."""
    document = json.loads(answer.body) if answer.body else {}
    return answer.status, {
        name: value for name, value in document.items() if name not in _OWN_FIELDS
    }
