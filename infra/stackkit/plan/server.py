from collections.abc import Mapping
from dataclasses import dataclass

from stackkit.plan.capacity import TaskCapacity
from stackkit.plan.derived_value import DerivedValue, ceil_div
from stackkit.plan.pools import Pools
from stackkit.settings.config import Config
from stackkit.settings.errors import ConfigError

ACCEPT_QUEUE = 65535
# Fargate's own default and the usual limit of a container: both limits soft and hard
OPEN_FILES = 65535
# logs, epoll, libraries and sockets that are closing
OTHER_FILES = 1024
# 50,000 open requests on four workers took 1.1 GB: 22 KiB each, and some for bodies
WORKER_MIB = 128
# the ADOT collector beside it: 80 MB in AWS's performance report, at a scrape and few traces
COLLECTOR_MIB = 160
REQUEST_KIB = 48


@dataclass(frozen=True)
class Server:
    """Settings of Granian, the app's admission control and the kernel, for one task."""

    workers: DerivedValue
    max_in_flight: DerivedValue
    backpressure: DerivedValue
    backlog: DerivedValue
    open_files: DerivedValue
    kernel: Mapping[str, str]


def server(config: Config, capacity: TaskCapacity, pools: Pools) -> Server:
    _check_queue(config, capacity)
    _check_memory(config, capacity)
    in_flight = ceil_div(capacity.in_flight, config.workers)
    backpressure = 2 * in_flight
    # a read replica has a pool of its own
    clients = 2 * pools.database.value + pools.cache.value + pools.upstream.value
    files = backpressure + clients + OTHER_FILES
    if files > OPEN_FILES:
        raise ConfigError(
            f"task_in_flight: {capacity.in_flight} on {config.workers} workers needs"
            f" {files} open files a process and {OPEN_FILES} are allowed; add vCPUs or lower"
            " task_in_flight."
        )
    return Server(
        workers=DerivedValue(config.workers, "processes", "one event loop per vCPU"),
        max_in_flight=DerivedValue(
            in_flight, "requests/worker", f"{capacity.in_flight:,} of a task / its workers"
        ),
        backpressure=DerivedValue(
            backpressure,
            "connections/worker",
            "twice max_in_flight: the app answers 503 before Granian stops accepting in silence",
        ),
        backlog=DerivedValue(
            ACCEPT_QUEUE, "connections", "a burst waits in the queue, none is dropped"
        ),
        open_files=DerivedValue(
            OPEN_FILES,
            "files/process",
            f"{backpressure:,} connections in, {clients:,} out and {OTHER_FILES:,} other files fit",
        ),
        kernel=kernel(),
    )


def _check_queue(config: Config, capacity: TaskCapacity) -> None:
    """A full task must answer the last queued request before its deadline."""
    timeout_s = config.request_timeout_s
    if capacity.in_flight > capacity.requests_per_second * timeout_s:
        raise ConfigError(
            f"task_in_flight: {capacity.in_flight} requests at {capacity.requests_per_second}/s"
            f" take longer than the deadline of {timeout_s} s; lower it, or raise"
            " task_requests_per_second or request_timeout_s."
        )


def _check_memory(config: Config, capacity: TaskCapacity) -> None:
    requests = ceil_div(capacity.in_flight * REQUEST_KIB, 1024)
    needed = config.workers * WORKER_MIB + requests + COLLECTOR_MIB
    if needed > config.memory_mib:
        raise ConfigError(
            f"task_in_flight: {capacity.in_flight} requests on {config.workers} workers need"
            f" about {needed} MiB and a task has {config.memory_mib}; lower it or give a task more"
            " memory."
        )


def kernel() -> Mapping[str, str]:
    """Network settings of a task's or an instance's namespace (Linux, ip-sysctl)."""
    return {
        # the kernel cuts a listen backlog to this (4096 by default) and logs nothing
        "net.core.somaxconn": str(ACCEPT_QUEUE),
        # half-open connections of the same burst
        "net.ipv4.tcp_max_syn_backlog": str(ACCEPT_QUEUE),
        # 55,000 local ports for each destination, as many as a NAT gateway has, and none of ours
        "net.ipv4.ip_local_port_range": "10240 65535",
        # a dead peer is found in 60 + 3 x 10 s; idle NAT and NLB flows end at 350 s
        "net.ipv4.tcp_keepalive_time": "60",
        "net.ipv4.tcp_keepalive_intvl": "10",
        "net.ipv4.tcp_keepalive_probes": "3",
    }
