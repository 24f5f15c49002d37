"""Stands in for `pulumi-language-python`: runs the program and the policies in this interpreter.

The SDK's own server for inline programs does the work. The real language host is part of Pulumi's
installer, not of the CLI's Go module.
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO, Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc


class LanguageHost(LanguageServer):
    def __init__(self) -> None:
        super().__init__(self._program)
        self._folder = ""

    def Run(self, request: Any, context: Any) -> Any:
        self._folder = request.info.program_directory
        os.chdir(request.pwd or self._folder)
        return super().Run(request, context)

    def _program(self) -> None:
        runpy.run_path(self._folder, run_name="__main__")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """A policy pack is a process of its own; the first line that it prints is its port."""
        folder = request.info.program_directory
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder],
            cwd=request.pwd,
            env=dict(entry.split("=", 1) for entry in request.env) or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(process.kill)
        lines: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        for name in ("stdout", "stderr"):
            stream = getattr(process, name)
            threading.Thread(target=_forward, args=(name, stream, lines), daemon=True).start()
        for _ in range(2):
            while (entry := lines.get())[1]:
                name, line = entry
                if name == "stdout":
                    yield language_pb2.RunPluginResponse(stdout=line)
                else:
                    yield language_pb2.RunPluginResponse(stderr=line)
        yield language_pb2.RunPluginResponse(exitcode=process.wait())


def _forward(name: str, stream: IO[bytes], lines: SimpleQueue[tuple[str, bytes]]) -> None:
    for line in stream:
        lines.put((name, line))
    lines.put((name, b""))


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(8))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # the engine ends it so
    signal.signal(signal.SIGINT, lambda *_: server.stop(None))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
