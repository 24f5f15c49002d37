"""Stands in for `pulumi-language-python`: runs the program and the policies in this interpreter.

The SDK's own server for inline programs does the work. The real language host is part of Pulumi's
installer, not of the CLI's Go module.
"""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
        """A policy pack is a process of its own; the first line that it prints is its port.

        The engine shows what this process and its children write to stderr.
        """
        folder = request.info.program_directory
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder],
            cwd=request.pwd,
            env=dict(entry.split("=", 1) for entry in request.env) or None,
            stdout=subprocess.PIPE,
        )
        context.add_callback(process.kill)
        for line in process.stdout or ():
            yield language_pb2.RunPluginResponse(stdout=line)
        yield language_pb2.RunPluginResponse(exitcode=process.wait())


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
