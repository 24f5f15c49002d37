"""The clients of a thundering herd, spread over processes, and their figures together."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from verification.clients import ClientOutcomes, ThunderingHerd


@dataclass(frozen=True, kw_only=True)
class HerdReport:
    """Times are seconds, from a request's first byte to its answer's last; one that never came
    counts as infinite."""

    clients: int
    opened: int
    peak: int  # requests in flight at one moment
    ok: int
    bad_status: int
    errors: int
    never_answered: int
    p50: float
    p99: float
    slowest: float
    wall: float
    cpu: float  # of the generator


def run(herd: ThunderingHerd, processes: int) -> HerdReport:
    """Ends within the herd's limit and the time that its ramp takes."""
    with ExitStack() as started:
        shares = [started.enter_context(_share(herd, n, processes)) for n in range(processes)]
        for _, read in shares:
            read.read(1)  # all its clients are connected
        for write, _ in shares:
            write.write(b"!")
            write.flush()
        return _report(herd, [pickle.load(read) for _, read in shares])


@contextmanager
def _share(
    herd: ThunderingHerd, number: int, processes: int
) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A process with its share of the clients, and an address with all local ports of its own."""
    first, end = (herd.clients * n // processes for n in (number, number + 1))
    child = subprocess.Popen(
        [sys.executable, "-c", "from verification.clients import main; main()"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches us alone
    )
    assert child.stdin
    assert child.stdout
    try:
        pickle.dump((herd, first, end - first, f"127.0.1.{number + 1}"), child.stdin)
        child.stdin.flush()
        yield child.stdin, child.stdout
    finally:
        child.kill()
        child.communicate()


def _report(herd: ThunderingHerd, outcomes: list[ClientOutcomes]) -> HerdReport:
    sent = [moment for outcome in outcomes for moment in outcome.sent]
    answered = [moment for outcome in outcomes for moment in outcome.answered]
    took = sorted(end - begin for begin, end in zip(sent, answered, strict=True)) or [float("inf")]
    ok = sum(outcome.ok for outcome in outcomes)
    bad_status = sum(outcome.bad_status for outcome in outcomes)
    ended = [moment for moment in answered if moment != float("inf")]
    return HerdReport(
        clients=herd.clients,
        opened=sum(outcome.opened for outcome in outcomes),
        peak=_peak(sent, answered),
        ok=ok,
        bad_status=bad_status,
        errors=sum(outcome.errors for outcome in outcomes),
        never_answered=herd.clients * herd.rounds - ok - bad_status,
        p50=took[len(took) // 2],
        p99=took[len(took) * 99 // 100],
        slowest=took[-1],
        wall=max(ended) - min(sent) if ended else 0.0,
        cpu=sum(outcome.cpu for outcome in outcomes),
    )


def _peak(sent: list[float], answered: list[float]) -> int:
    changes = sorted([(moment, 1) for moment in sent] + [(moment, -1) for moment in answered])
    in_flight = peak = 0
    for _, change in changes:
        in_flight += change
        peak = max(peak, in_flight)
    return peak
