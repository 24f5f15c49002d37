"""HAProxy in front of nodes, as an ALB is in front of tasks."""

import csv
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from load.processes import serving
from servicekit.dev.processes import StartError, free_port

_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"

# A connection that a node refuses is tried at another one: nothing was sent yet. What was sent is
# not sent again, as it may have had its effect.
_CONFIGURATION = """
defaults
  mode http
  timeout connect 1s
  timeout client 50s
  timeout server 50s
  timeout check 500ms
  retries 2
  option redispatch 1

frontend service
  bind 127.0.0.1:{port}
  default_backend nodes

backend nodes
  balance roundrobin
  option httpchk
  http-check send meth GET uri /health ver HTTP/1.1 hdr Host node
  default-server check inter 200ms fall 2 rise 1
  {servers}

frontend statistics
  bind 127.0.0.1:{statistics}
  stats enable
  stats uri /
"""


@dataclass(frozen=True)
class Balancer:
    port: int
    _statistics: int

    def in_flight(self, node: str) -> int:
        """Requests that it has sent to the node and that are not answered yet."""
        with urlopen(f"http://127.0.0.1:{self._statistics}/;csv", timeout=2) as answer:
            rows = csv.DictReader(io.StringIO(answer.read().decode().removeprefix("# ")))
        [row] = [row for row in rows if row["svname"] == node]
        return int(row["scur"])


def program() -> str:
    found = shutil.which("haproxy", path=_PLACES)
    if not found:
        raise StartError("haproxy is not on PATH: install it (apt install haproxy).")
    return found


@contextmanager
def balancing(folder: Path, nodes: Sequence[tuple[str, int]]) -> Iterator[Balancer]:
    """`nodes` are names and ports."""
    balancer = Balancer(free_port(), free_port())
    servers = "\n  ".join(f"server {name} 127.0.0.1:{port}" for name, port in nodes)
    file = folder / "haproxy.cfg"
    file.write_text(
        _CONFIGURATION.format(
            port=balancer.port, statistics=balancer._statistics, servers=servers
        ).lstrip()
    )
    command = (program(), "-db", "-f", str(file))
    url = f"http://127.0.0.1:{balancer.port}/health"
    with serving(command, url, cwd=folder, log=folder / "haproxy.log", environment={}):
        yield balancer
