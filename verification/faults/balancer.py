import shutil
import socket
import subprocess
from pathlib import Path

from servicekit.dev.processes import free_port
from verification.faults.table import NotRun

_HAPROXY = """\
global
  stats socket {socket} level admin
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 60s
  timeout server 30s
frontend clients
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /ready
  http-check expect status 200
"""


class Balancer:
    """haproxy before some nodes. It asks each for /ready, and repeats nothing."""

    def __init__(self, folder: Path, nodes: list[int]) -> None:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if program is None:
            raise NotRun("no haproxy on this machine")
        self.port = free_port()
        self._socket = folder / f"haproxy-{self.port}.sock"
        servers = "".join(
            f"  server n{port} 127.0.0.1:{port} check inter 200ms fall 1 rise 1\n" for port in nodes
        )
        configuration = folder / f"haproxy-{self.port}.cfg"
        configuration.write_text(_HAPROXY.format(socket=self._socket, port=self.port) + servers)
        with (folder / f"haproxy-{self.port}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(configuration)], stdout=log, stderr=log
            )

    def say(self, node: int, state: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(f"set server nodes/n{node} state {state}\n".encode())
            assert admin.recv(1000).strip() == b""

    def up(self) -> int:
        """How many nodes it sends requests to."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(b"show stat\n")
            told = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        return sum(",UP," in line for line in told.splitlines() if line.startswith("nodes,n"))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
