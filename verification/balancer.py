"""HAProxy in front of nodes, as an ALB is in front of tasks."""

import csv
import io
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servicekit.dev.processes import StartError, child, free_port, listens, wait_until

_PROGRAM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"

# With retries, a connection that a node refuses is tried at another node, as nothing was sent yet.
# A request that was sent is never sent again, as it may have had its effect.
_CONFIGURATION = """\
global
  stats socket {socket} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 50s
  timeout check 500ms
  retries {retries}
  option redispatch 1
frontend clients
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk
  http-check send meth GET uri {check} ver HTTP/1.1 hdr Host node
  default-server check inter 200ms fall 1 rise 1
  {servers}
"""


@dataclass(frozen=True)
class Balancer:
    port: int
    socket: Path  # of HAProxy's commands

    def in_flight(self, node: str) -> int:
        """Requests that the node has received and not answered yet."""
        [row] = [row for row in self._nodes() if row["svname"] == node]
        return int(row["scur"])

    def nodes_up(self) -> int:
        """How many nodes receive requests."""
        return sum(row["status"] == "UP" for row in self._nodes())

    def set_state(self, node: str, state: str) -> None:
        """`state` is ready or drain."""
        answer = self._command(f"set server nodes/{node} state {state}").strip()
        if answer:
            raise RuntimeError(f"HAProxy: {answer}")

    def _nodes(self) -> list[dict[str, str]]:
        rows = csv.DictReader(io.StringIO(self._command("show stat").removeprefix("# ")))
        kept = [row for row in rows if row["pxname"] == "nodes" and row["svname"] != "BACKEND"]
        return kept

    def _command(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.socket))
            admin.sendall(f"{line}\n".encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()


def program() -> str:
    """The path of HAProxy; raises StartError where it is not installed."""
    found = shutil.which("haproxy", path=_PROGRAM_PATH)
    if not found:
        raise StartError("haproxy is not on PATH: install it (apt install haproxy).")
    return found


@contextmanager
def balancing(
    folder: Path, nodes: Sequence[tuple[str, int]], *, check: str = "/health", retries: int = 2
) -> Iterator[Balancer]:
    """`nodes` are names and ports; `check` is the path that decides which nodes get requests."""
    port = free_port()
    balancer = Balancer(port, folder / f"haproxy-{port}.sock")
    file, log = folder / f"haproxy-{port}.cfg", folder / f"haproxy-{port}.log"
    file.write_text(
        _CONFIGURATION.format(
            socket=balancer.socket,
            port=port,
            check=check,
            retries=retries,
            servers="\n  ".join(f"server {name} 127.0.0.1:{at}" for name, at in nodes),
        )
    )
    with child((program(), "-db", "-f", str(file)), log=log, stop_timeout=1.0) as process:
        wait_until(lambda: listens(port), process, "HAProxy", log)
        wait_until(lambda: balancer.nodes_up() == len(nodes), process, "The nodes", log)
        yield balancer
