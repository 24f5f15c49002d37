"""A simulated AWS account for the Pulumi engine: `python -m engine.aws REGION`.

Prints one line of JSON with its addresses, and ends with its standard input.
"""

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pulumi.runtime.proto import provider_pb2_grpc

from engine.aws.provider import Provider
from stackkit.tools.rehearse.account import SimulatedAccount

PACKAGES = ("aws", "awsx", "random")
# components wait in Construct while their parts are made
_THREADS = 64


def main() -> None:
    # a line for each request is of no interest
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    account = SimulatedAccount(sys.argv[1])
    api = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    api.start()
    server = grpc.server(ThreadPoolExecutor(_THREADS))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(account), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    host, api_port = api.get_host_and_port()
    providers = ",".join(f"{package}:{port}" for package in PACKAGES)
    print(json.dumps({"api": f"http://{host}:{api_port}", "providers": providers}), flush=True)
    sys.stdin.read()
    server.stop(None)
    api.stop()


if __name__ == "__main__":
    main()
