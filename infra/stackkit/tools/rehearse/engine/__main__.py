"""A simulated AWS account for the Pulumi engine.

`python -m stackkit.tools.rehearse.engine REGION FOLDER [SETTINGS]`: the program's commands run in
FOLDER; the account holds what a stack's settings, as JSON, name and the program doesn't make.

Prints one line of JSON with its addresses, and one with all calls so far for each line of its
standard input; ends with that.
"""

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import grpc
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pulumi.runtime.proto import provider_pb2_grpc

from stackkit.settings import config
from stackkit.tools.rehearse.account import SimulatedAccount
from stackkit.tools.rehearse.engine.commands import CommandRunner
from stackkit.tools.rehearse.engine.gaps import correct_moto
from stackkit.tools.rehearse.engine.provider import Provider
from stackkit.tools.rehearse.engine.tasks import end_tasks
from stackkit.tools.rehearse.prerequisites import add_prerequisites

PACKAGES = ("aws", "awsx", "command", "docker-build", "random")
# components wait in Construct while their parts are made
_THREADS = 64


def main() -> None:
    # a line for each request is of no interest
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    correct_moto()
    account = SimulatedAccount(sys.argv[1])
    end_tasks(account)
    for settings in sys.argv[3:]:
        list(add_prerequisites(account, config.read(**json.loads(settings))))
    api = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    api.start()
    host, api_port = api.get_host_and_port()
    address = f"http://{host}:{api_port}"
    commands = CommandRunner(folder=Path(sys.argv[2]), api=address)
    server = grpc.server(ThreadPoolExecutor(_THREADS))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(account, commands), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    providers = ",".join(f"{package}:{port}" for package in PACKAGES)
    print(json.dumps({"api": address, "providers": providers}), flush=True)
    for _ in sys.stdin:
        print(json.dumps([asdict(call) for call in account.calls], default=str), flush=True)
    server.stop(None)
    api.stop()


if __name__ == "__main__":
    main()
