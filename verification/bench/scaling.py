"""`make bench ONLY=scaling`: how the rate grows with workers and connections, and how the memory
grows with connections. Takes 4 minutes; each rate is one measurement.
"""

import socket
import time
from contextlib import ExitStack
from dataclasses import replace

import psutil

from verification import machine
from verification.bench.cases import CASES
from verification.bench.testbed import RunningApp, Testbed
from verification.bench.wrk import measure

_PATHS = ("hot", "random", "create")
_WORKERS = (1, 2, 4)
_CONNECTIONS = (8, 64, 256, 1024)
_OPEN = 4_000  # connections of the measurement of memory
_IDS = 1_000  # distinct ids that they wait for
_HELD = 5.0  # seconds, of the upstream, while the connections are busy
_LINE = "{:<10} {:>8}" + " {:>9}" * len(_CONNECTIONS)


def measure_scaling(bed: Testbed, seconds: float) -> bool:
    """Prints both tables; nothing is promised of them."""
    print("requests/s, by connections\n" + _LINE.format("", "workers", *_CONNECTIONS))
    for case in (case for case in CASES if case.name in _PATHS):
        for workers in _WORKERS:
            with replace(bed, workers=workers).ours(case.ours) as running:
                measure(running, case, seconds, bed.folder)  # warms up
                taken = [
                    measure(running, case, seconds, bed.folder, connections)
                    for connections in _CONNECTIONS
                ]
            rates = (f"{each.rate:,.0f}" + ("!" if each.wrong else "") for each in taken)
            print(_LINE.format(case.name, workers, *rates), flush=True)
    idle, busy = _memory(bed)
    print(
        f"\nMiB of memory for each 1,000 connections of {bed.workers} workers: {idle:.1f} idle,"
        f" {busy:.1f} with a request in flight ({_OPEN:,} connections, {_IDS:,} cold ids)",
        flush=True,
    )
    return True


def _memory(bed: Testbed) -> tuple[float, float]:
    """Idle and busy: beyond what the service has before the first of the connections."""
    machine.raise_open_files()
    given = {"MAX_IN_FLIGHT": str(_OPEN), "GRANIAN_BACKPRESSURE": str(_OPEN)}
    with bed.ours({**given, "UPSTREAM_CONNECTIONS": str(_IDS)}) as running, ExitStack() as opened:
        before, address = _resident(running), ("127.0.0.1", running.port)
        clients = [
            opened.enter_context(socket.create_connection(address, 30)) for _ in range(_OPEN)
        ]
        for client in clients:
            _ask(client, "/health")
            client.recv(65536)
        idle = _resident(running)
        bed.upstream.delay = _HELD
        for number, client in enumerate(clients):
            _ask(client, f"/data/busy{number % _IDS}")
        time.sleep(_HELD / 2)
        busy = _resident(running)
        bed.upstream.delay = 0.0
    thousands = _OPEN / 1_000 * 2**20
    return (idle - before) / thousands, (busy - before) / thousands


def _ask(client: socket.socket, path: str) -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())


def _resident(running: RunningApp) -> int:
    server = psutil.Process(running.pid)
    return sum(each.memory_info().rss for each in (server, *server.children(recursive=True)))
