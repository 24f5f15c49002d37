"""Who has the machine's CPUs."""

from dataclasses import dataclass

import psutil

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True)
class Shares:
    """CPU seconds, or with a time divided out, CPUs."""

    service: float
    rest: float  # of ours: stores, upstream, generator
    foreign: float  # everybody else, and what the hypervisor withheld

    def since(self, earlier: "Shares", seconds: float) -> "Shares":
        return Shares(
            (self.service - earlier.service) / seconds,
            (self.rest - earlier.rest) / seconds,
            (self.foreign - earlier.foreign) / seconds,
        )


def read(server: psutil.Process) -> Shares:
    """Since each of them began; `server` is below this process."""
    service, ours = _tree(server), _tree(psutil.Process())
    everything = psutil.cpu_times()._asdict()
    busy = sum(everything[name] for name in _BUSY)
    return Shares(service, ours - service, busy - ours)


def _tree(root: psutil.Process) -> float:
    """Of a process, all below it, and those that have ended there."""
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(
        each.user + each.system + each.children_user + each.children_system for each in times
    )
