"""A stand-in for the API behind `/data/{id}`, for machines where there is none."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LATENCY = 0.05  # seconds: slow enough to see that a cached answer is fast


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(_LATENCY)
        data_id = self.path.strip("/")
        if data_id.startswith("missing"):
            return self._send(404, {"error": f"no {data_id}"})
        answered = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._send(200, {"id": data_id, "name": f"Example {data_id}", "answered": answered})

    def _send(self, status: int, document: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the service's own log tells of its calls."""


@contextmanager
def upstream(_folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), _Answer).serve_forever()
