"""The thundering-herd test: tens of thousands of requests in flight at once.

Cold: each client requests one of 1,000 ids that no cache has, and whose upstream takes 2 s. Hot:
each requests one of 1,000 cached items 5 times. The service, its stores, its upstream and the
clients all run on this machine.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from servicekit.dev.processes import StartError, service
from servicekit.dev.servers import migrated_stores
from servicekit.dev.upstream import StandInUpstream
from verification import PROJECT, REPORTS, machine
from verification.client_processes import HerdReport, run
from verification.clients import ThunderingHerd

RESULTS = REPORTS / "herd.json"
IDS = 1_000
DELAY = 2.0  # seconds, of the upstream
HOT_ROUNDS = 5
MODES = ("cold", "hot")
_P99 = {"cold": 4.0, "hot": 6.0}  # seconds, of 50,000 clients
_MEMORY = 2 * 2**30  # bytes, resident, of 50,000 clients


@dataclass(frozen=True, kw_only=True)
class HerdResult:
    mode: str
    report: HerdReport
    workers: int
    memory: int  # bytes
    processes: int
    overflows: int
    calls: Counter[str]  # of the upstream, by id

    def shortfalls(self) -> list[str]:
        report = self.report
        found = []
        scale = max(1.0, report.clients / 50_000)
        if lost := report.never_answered + report.bad_status:
            found.append(f"{lost:,} not answered with 2xx")
        if report.p99 > _P99[self.mode] * scale:
            found.append(f"p99 above {_P99[self.mode] * scale:.0f} s")
        if self.memory > _MEMORY * scale:
            found.append(f"more than {_MEMORY * scale / 2**30:.0f} GiB of memory")
        if max(self.calls.values(), default=0) > self.workers:
            found.append("more than one upstream call per id and process")
        return found


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    files = machine.raise_open_files()
    workers = machine.workers(options.clients, files)
    if lack := machine.lacks(options.clients, workers, files):
        sys.exit(lack)
    print(machine.description(), flush=True)
    RESULTS.unlink(missing_ok=True)
    results = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="herd-") as folder,
            migrated_stores(Path(folder), PROJECT) as urls,
            StandInUpstream.serving(DELAY) as upstream,
        ):
            environment = {**urls, "UPSTREAM_URL": upstream.url, **settings(options.clients, files)}
            for mode in options.mode or MODES:
                with service(Path(folder), environment, PROJECT) as (port, process):
                    requested = paths(mode, port)
                    result = attack(mode, port, process, options.clients, upstream, requested)
                print(describe(result), flush=True)
                results.append(result)
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([summary(result) for result in results]))
    sys.exit(1 if any(result.shortfalls() for result in results) else 0)


def summary(result: HerdResult) -> Mapping[str, Any]:
    """The figures that `verification.comparison` puts beside the plan."""
    report = result.report
    return {
        "mode": result.mode,
        "workers": result.workers,
        "peak": report.peak,
        "requests": report.ok + report.bad_status + report.never_answered,
        "ok": report.ok,
        "never_answered": report.never_answered,
        "p99": min(report.p99, 1e9),  # JSON has no infinity
        "wall": report.wall,
        "memory": result.memory,
    }


def settings(clients: int, files: int) -> Mapping[str, str]:
    """Variables of a service that has room for all clients."""
    workers = machine.workers(clients, files)
    connections = str(machine.connections_per_worker(clients, workers, files))
    return {
        "WEB_CONCURRENCY": str(workers),
        "GRANIAN_BACKPRESSURE": connections,
        "MAX_IN_FLIGHT": connections,
        "REQUEST_TIMEOUT": "60",  # as long as the clients wait
        "UPSTREAM_TIMEOUT": "20",
        "REDIS_TIMEOUT": "1",  # Valkey shares the machine with the service and the clients
        "UPSTREAM_CONNECTIONS": str(IDS),  # each worker may ask for all of them at once
    }


def paths(mode: str, port: int) -> list[str]:
    """The paths that the clients request. The items of the hot herd are created first."""
    return create_items(port) if mode == "hot" else [f"/data/cold{n}" for n in range(IDS)]


def attack(
    mode: str,
    port: int,
    process: int,
    clients: int,
    upstream: StandInUpstream,
    requested: list[str],
) -> HerdResult:
    """`process` serves at `port`, and calls `upstream`."""
    rounds = HOT_ROUNDS if mode == "hot" else 1
    herd = ThunderingHerd(port=port, paths=requested, clients=clients, rounds=rounds)
    upstream.calls.clear()
    overflows = machine.listen_overflows()
    report = run(herd, machine.generators(clients))
    memory, processes = machine.resident(process)
    return HerdResult(
        mode=mode,
        report=report,
        workers=machine.workers(clients, machine.raise_open_files()),
        memory=memory,
        processes=processes,
        overflows=machine.listen_overflows() - overflows,
        calls=upstream.calls.copy(),
    )


def describe(result: HerdResult) -> str:
    report, calls = result.report, result.calls
    most = max(calls.values(), default=0)
    verdict = "; ".join(result.shortfalls())
    requests = (
        f"each requests one of {IDS:,} cold ids whose upstream takes {DELAY:.0f} s"
        if result.mode == "cold"
        else f"each requests {HOT_ROUNDS} times one of {IDS:,} warm items"
    )
    return f"""
{result.mode}: {report.clients:,} clients at once, {requests}
  connections  {report.opened:,} opened, {report.errors:,} failed
  in flight    {report.peak:,} at the peak
  answers      {report.ok:,} good, {report.bad_status:,} bad, {report.never_answered:,} never came
  latency      p50 {report.p50:.2f} s, p99 {report.p99:.2f} s, slowest {report.slowest:.2f} s
  wall         {report.wall:.1f} s; the clients took {report.cpu:.1f} s of CPU time
  upstream     {calls.total():,} calls for {len(calls):,} ids, at most {most} for one
  memory       {result.memory / 2**20:,.0f} MiB resident in {result.processes} processes of ours
  kernel       {result.overflows:,} connections found a full queue
  result       {f"short: {verdict}" if verdict else "ok"}"""


def create_items(port: int, count: int = IDS) -> list[str]:
    """The paths of new items, each read once."""
    connection, paths = HTTPConnection("127.0.0.1", port, timeout=10), []
    for number in range(count):
        body = json.dumps({"name": f"tea {number}", "price_cents": number})
        connection.request("POST", "/items", body, {"Content-Type": "application/json"})
        created = connection.getresponse()
        created.read()
        paths.append(created.headers["Location"])
        connection.request("GET", paths[-1])
        connection.getresponse().read()
    connection.close()
    return paths


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make herd", usage=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, default=50_000)
    parser.add_argument("--mode", action="append", choices=MODES, help="default: both")
    return parser.parse_args()


if __name__ == "__main__":
    main()
