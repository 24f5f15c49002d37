"""What the measurements run on: servers on loopback, seeded, and the applications beside them."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import asyncpg
import psutil

from servicekit.dev.processes import SERVICE, free_port, service
from servicekit.dev.servers import migrated_stores
from servicekit.dev.upstream import StandInUpstream
from servicekit.server.launch import GRANIAN
from verification import PROJECT, TEMPLATE
from verification.bench.cases import ITEMS, Case

WORKERS = 2
_PEERS = "verification.bench.peers"
# Different between two applications that do the same, or between two responses of one.
_OWN_FIELDS = ("source", "id", "version", "created_at", "updated_at")
_GUNICORN = (
    sys.executable, "-m", "gunicorn", f"{_PEERS}.conventional:app",
    "--worker-class", "uvicorn_worker.UvicornWorker",
    "--timeout", "120",  # s; at its default of 30 it kills workers that a herd keeps busy
)  # fmt: skip


@dataclass(frozen=True)
class RunningApp:
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU time that its processes have taken."""
        server = psutil.Process(self.pid)
        times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
        return sum(taken.user + taken.system for taken in times)


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def comparable(self) -> object:
        """What two applications that do the same must agree on."""
        document = json.loads(self.body) if self.body else {}
        shown = {name: value for name, value in document.items() if name not in _OWN_FIELDS}
        return self.status, shown


@dataclass(frozen=True)
class Testbed:
    folder: Path
    environment: Mapping[str, str]
    upstream: StandInUpstream
    workers: int  # of each application

    @contextmanager
    def ours(self, settings: Mapping[str, str]) -> Iterator[RunningApp]:
        """The service as production runs it, from `python -m app`."""
        with self._serving("ours", SERVICE, PROJECT, settings) as running:
            yield running

    @contextmanager
    def peer(
        self, name: str, case: Case, ours: RunningApp, settings: Mapping[str, str]
    ) -> Iterator[RunningApp]:
        """conventional, fastapi or blacksheep; or bare, which repeats our response to `case`."""
        given = {**GRANIAN, "GRANIAN_INTERFACE": "asgi", "GRANIAN_FACTORY": "false", **settings}
        command: Sequence[str] = (sys.executable, "-m", "granian", f"{_PEERS}.{name}_asyncpg:app")
        if name == "conventional":
            port = free_port()
            command = (*_GUNICORN, "--bind", f"127.0.0.1:{port}", "--workers", str(self.workers))
            given = {**settings, "PORT": str(port)}
        elif name == "bare":
            command = (sys.executable, "-m", "granian", f"{_PEERS}.bare:app")
            given["BARE_RESPONSE"] = str(self._recorded(case, ours))
        with self._serving(name, command, TEMPLATE, given) as running:
            yield running

    def _recorded(self, case: Case, ours: RunningApp) -> Path:
        request(ours, case)
        response = request(ours, case)
        kept = [[name, value] for name, value in response.headers if name != "date"]
        file = self.folder / f"{case.name}.response"
        document = {"status": response.status, "headers": kept, "body": response.body.decode()}
        file.write_text(json.dumps(document))
        return file

    @contextmanager
    def _serving(
        self, name: str, command: Sequence[str], cwd: Path, settings: Mapping[str, str]
    ) -> Iterator[RunningApp]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        port = settings.get("PORT") or str(free_port())
        environment = {
            **self.environment,
            "GRANIAN_PORT": port,
            "WEB_CONCURRENCY": str(self.workers),
            "GRANIAN_WORKERS": str(self.workers),
            **settings,
            "PORT": port,
        }
        with service(folder, environment, cwd, command) as (at, pid):
            yield RunningApp(at, pid)


@contextmanager
def open_testbed(
    folder: Path, upstream_delay: float = 0.0, workers: int = WORKERS
) -> Iterator[Testbed]:
    with (
        migrated_stores(folder, PROJECT) as urls,
        StandInUpstream.serving(upstream_delay) as upstream,
    ):
        asyncio.run(_seed(urls["DATABASE_URL"]))
        yield Testbed(folder, {**urls, "UPSTREAM_URL": upstream.url}, upstream, workers)


async def _seed(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO items (name, price_cents, description)"
        " SELECT 'tea ' || n, n, 'a box of ' || n FROM generate_series(1, $1::int) n",
        ITEMS,
    )
    await connection.execute("VACUUM ANALYZE items")
    await connection.close()


def request(running: RunningApp, case: Case, number: int = 1) -> Response:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=10)
    url, body = case.url.replace("{}", str(number)), case.body.replace("{}", str(number))
    connection.request(case.method, url, body or None, dict(case.headers))
    response = connection.getresponse()
    headers = [(name.lower(), value) for name, value in response.getheaders()]
    received = Response(response.status, headers, response.read())
    connection.close()
    return received
