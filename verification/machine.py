"""What this machine has for a herd, what it lacks, and what its kernel and processes counted."""

import os
import platform
import resource
import sys
from math import ceil
from pathlib import Path

_SPARE_FILES = 2_000  # of a worker, beside its clients: the upstream's, the database's, its own
_BYTES_PER_CLIENT = 40_000  # in the service, in the kernel's buffers and in the generator
_BYTES = 600_000_000  # for all processes before the first client


def raise_open_files() -> int:
    """The number of files that each process may open from now on."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def workers(clients: int, files: int) -> int:
    """4, or up to 8 where each may open too few files for its share of the clients."""
    room = max(1, files - _SPARE_FILES)
    return min(8, max(4, ceil(clients * 1.05 / room)))


def connections_per_worker(clients: int, workers: int, files: int) -> int:
    """Workers share one socket, and the kernel doesn't share out evenly what it accepts."""
    return min(files - _SPARE_FILES, max(1_000, ceil(clients / workers * 1.5)))


def generators(clients: int) -> int:
    """Processes, each of which has an address of its own and so all local ports once."""
    return max(2, ceil(clients / min(12_500, _ports() * 0.8)))


def lacks(clients: int, workers: int, files: int) -> str | None:
    """One sentence on what is missing and what would help."""
    if sys.platform != "linux":
        return "The herd needs Linux: it uses epoll, /proc and all of 127.0.0.0/8."
    room = workers * (files - _SPARE_FILES)
    if room < clients * 1.05:
        needed = ceil(clients * 1.05 / workers) + _SPARE_FILES
        return (
            f"{clients:,} clients on {workers} workers need {needed:,} open files in each process,"
            f" and the hard limit is {files:,}: raise it (ulimit -Hn {needed} as root), or use"
            f" CLIENTS={max(0, int(room / 1.05))}."
        )
    if generators(clients) > 200:
        return (
            f"{_ports():,} local ports are too few: widen them with sysctl"
            " net.ipv4.ip_local_port_range='10240 65535'."
        )
    needed, available = _BYTES + clients * _BYTES_PER_CLIENT, _available()
    if available < needed:
        return (
            f"{clients:,} clients need about {needed / 2**30:.1f} GiB of memory, and"
            f" {available / 2**30:.1f} GiB are available: end something, or use"
            f" CLIENTS={max(0, (available - _BYTES) // _BYTES_PER_CLIENT)}."
        )
    return None


def listen_overflows() -> int:
    """Connections that came while a listening socket's queue was full, of the whole machine."""
    names, values = [
        line.split()
        for line in Path("/proc/net/netstat").read_text().splitlines()
        if line.startswith("TcpExt:")
    ]
    return int(dict(zip(names, values, strict=True))["ListenOverflows"])


def resident(process: int) -> tuple[int, int]:
    """The peaks of the resident memory of a process and all below it, as a sum in bytes, and the
    number of these processes."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        tasks = Path(f"/proc/{process}/task").iterdir()
        children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    except FileNotFoundError:  # it has just ended
        return 0, 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    below = [resident(int(child)) for child in children]
    total = sum(int(peak) * 1024 for peak in peaks) + sum(size for size, _ in below)
    return total, 1 + sum(processes for _, processes in below)


def _ports() -> int:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(last) - int(first) + 1


def _available() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    [kibibytes] = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kibibytes) * 1024


def description() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f},"
        f" Linux {platform.release()}, Python {platform.python_version()}"
    )
