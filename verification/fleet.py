"""`make fleet`: three nodes behind a load balancer on this machine, to see that they are
interchangeable, and what the loss of one costs."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from load.__main__ import up_to
from servicekit.dev.processes import StartError
from servicekit.dev.servers import migrated_stores
from verification import PROJECT, balancer, machine, node_equivalence, node_loss
from verification.nodes import NODES, NodeGroup, running


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine.raise_open_files()
    try:
        balancer.program()
        print(f"{NODES} nodes behind HAProxy on {machine.description()}", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="fleet-") as folder,
            migrated_stores(Path(folder), PROJECT) as urls,
            running(Path(folder), urls) as fleet,
        ):
            good = _try(fleet, options)
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    print(f"  result        {'ok' if good else 'short'}")
    sys.exit(0 if good else 1)


def _try(fleet: NodeGroup, options: argparse.Namespace) -> bool:
    ports = [node.port for node in fleet.nodes]
    asked = node_equivalence.any_node(ports)
    print(
        f"  any node      {asked.requests} requests, {asked.wrong} not answered as due", flush=True
    )
    seen = node_equivalence.invalidation(ports, options.writes)
    middle, last = seen[len(seen) // 2], seen[-1]
    print(
        f"  invalidation  {len(seen)} writes, each seen by another node after {middle:.1f} ms"
        f" (median), {last:.1f} ms at the latest",
        flush=True,
    )
    lost = node_loss.of_one(fleet, options.rate, options.seconds)
    print(f"  node lost     {lost.describe()}", flush=True)
    return not asked.wrong and last <= node_equivalence.LATEST and lost.only_its_own


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fleet", usage=argparse.SUPPRESS)
    parser.add_argument("--writes", type=up_to(1_000), default=30, help="for each pair of nodes")
    parser.add_argument("--rate", type=up_to(1_000), default=200, help="requests/s")
    parser.add_argument("--seconds", type=up_to(60), default=6)
    return parser.parse_args()


if __name__ == "__main__":
    main()
