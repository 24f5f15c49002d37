from collections.abc import Mapping
from dataclasses import dataclass

from refusal import Refusal
from sizing.inputs import Task
from sizing.number import Number, ceil_div

ACCEPT_QUEUE = 65535
# Fargate's own default and the usual limit of a container: both limits soft and hard
OPEN_FILES = 65535
# log, epoll, libraries, PostgreSQL, Valkey and upstream connections of one worker
OTHER_FILES = 2048


@dataclass(frozen=True)
class Server:
    """What Granian, the app's admission control and the kernel are told, for one task."""

    workers: Number
    max_in_flight: Number
    backpressure: Number
    backlog: Number
    open_files: Number
    kernel: Mapping[str, str]


def server(task: Task) -> Server:
    in_flight = ceil_div(task.capacity.in_flight, task.workers)
    backpressure = 2 * in_flight
    if backpressure + OTHER_FILES > OPEN_FILES:
        raise Refusal(
            f"task_in_flight: {task.capacity.in_flight} on {task.workers} workers needs"
            f" {backpressure + OTHER_FILES} open files a process and {OPEN_FILES} are allowed; add"
            " workers or lower task_in_flight."
        )
    return Server(
        workers=Number(task.workers, "processes", "one event loop per vCPU"),
        max_in_flight=Number(
            in_flight, "requests/worker", f"{task.capacity.in_flight} of a task / its workers"
        ),
        backpressure=Number(
            backpressure,
            "connections/worker",
            "twice max_in_flight: the app answers 503 before Granian stops accepting in silence",
        ),
        backlog=Number(ACCEPT_QUEUE, "connections", "a burst waits in the queue, none is dropped"),
        open_files=Number(
            OPEN_FILES,
            "files/process",
            f"{backpressure} connections + {OTHER_FILES} for clients, logs and libraries fit",
        ),
        kernel=kernel(),
    )


def kernel() -> Mapping[str, str]:
    """Network settings of a task's or an instance's namespace (Linux, ip-sysctl)."""
    return {
        # the kernel cuts a listen backlog to this (4096 by default) without a word
        "net.core.somaxconn": str(ACCEPT_QUEUE),
        # half-open connections of the same burst
        "net.ipv4.tcp_max_syn_backlog": str(ACCEPT_QUEUE),
        # 64,000 local ports for each (source, destination) instead of 28,000
        "net.ipv4.ip_local_port_range": "1024 65535",
        # a dead peer is found in 60 + 3 x 10 s; idle NAT and NLB flows end at 350 s
        "net.ipv4.tcp_keepalive_time": "60",
        "net.ipv4.tcp_keepalive_intvl": "10",
        "net.ipv4.tcp_keepalive_probes": "3",
    }
