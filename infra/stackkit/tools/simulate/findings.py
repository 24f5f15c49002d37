"""Findings of a run, one sentence each, with the remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import ceil

from stackkit.tools.simulate.run import SimulationRun, simulate, with_minimum
from stackkit.tools.simulate.scaler import Change
from stackkit.tools.simulate.traffic import HOUR, TICK_S

# a turn that comes sooner wasn't asked for by the load alone
TURN_S = 20 * 60
TURNS = 3
# what one policy takes and another brings back
FIGHT_S = 10 * 60
# of the largest fleet: little is left for a burst
_FULL = 0.85
# a schedule acts this long before it is needed, and times are given to the minute
_EARLY_S = 10 * 60


@dataclass(frozen=True)
class Finding:
    """`kind` is good, warn or bad; `subject` one word."""

    kind: str
    subject: str
    sentence: str


def findings(run: SimulationRun, step: int = 1, notice_s: int = 0) -> list[Finding]:
    """`step` is the zones over which a fleet is spread, `notice_s` what growing takes."""
    found = [*_shed(run, step, notice_s), *_flapping(run), *_fights(run), *_ceiling(run)]
    return found or [Finding("good", "follows", "The fleet follows: nothing was shed.")]


def _shed(run: SimulationRun, step: int, notice_s: int) -> Iterator[Finding]:
    short = [one for one in run.samples if one.shed > 0]
    if not short:
        return
    asked = sum(one.load for one in run.samples)
    percent = 100 * sum(one.shed for one in short) / asked
    lost = f"{_requests(run):,} requests were shed, {percent:.2g} %"
    during = f"for {span(len(short) * TICK_S)} from {_clock(run, short[0].second)} on"
    most = ceil(max(one.load for one in run.samples) / run.setup.task_rate)
    if most > run.setup.maximum:
        way = f"the largest load fills {most:,} tasks and the fleet ends at {run.setup.maximum:,}"
        yield Finding("bad", "too large", f"{lost}, {during}: {way}; raise peak_in_flight.")
        return
    least = enough(run, step)
    when = short[0].second - notice_s - _EARLY_S
    schedule = f"{_cron(run, when)} = {least}..{run.setup.maximum}"
    yield Finding(
        "bad",
        "too fast",
        f"{lost}, {during}: the load came faster than the fleet. With fleet_min {least:,} (now"
        f" {run.setup.minimum:,}) nothing is shed"
        + (f'; if it is foreseen, nor with the schedule "{schedule}".' if when > 0 else "."),
    )


def _requests(run: SimulationRun) -> int:
    return round(sum(one.shed for one in run.samples) * TICK_S)


def enough(run: SimulationRun, step: int) -> int:
    """The smallest minimum, in whole zones, with which this trace is served in full."""
    low, high = run.setup.minimum // step, ceil(run.setup.maximum / step)
    while high - low > 1:
        middle = (low + high) // 2
        served = simulate(with_minimum(run.setup, middle * step), run.trace)
        low, high = (low, middle) if not _requests(served) else (middle, high)
    return min(high * step, run.setup.maximum)


def _flapping(run: SimulationRun) -> Iterator[Finding]:
    turns = [
        (before, after)
        for before, after in pairwise(run.changes)
        if _grows(before) != _grows(after) and after.at - before.at < TURN_S
    ]
    if len(turns) >= TURNS:
        soonest = min(after.at - before.at for before, after in turns)
        way = ", or lower step_in_requests" if run.setup.policies.steps else ""
        yield Finding(
            "warn",
            "flapping",
            f"The fleet turned {len(turns)} times within {TURN_S // 60} minutes of growing or"
            f" shrinking, the soonest after {span(soonest)}: raise fleet_min or"
            f" cooldown_s{way}.",
        )


def _fights(run: SimulationRun) -> Iterator[Finding]:
    fights = [
        (before, after)
        for before, after in pairwise(run.changes)
        if not _grows(before) and _grows(after)
        if before.why != after.why and after.at - before.at <= FIGHT_S
    ]
    if fights:
        before, after = fights[0]
        yield Finding(
            "warn",
            "fight",
            f"{after.why} brought back what {before.why} had just taken, {len(fights)} times (first"
            f" at {_clock(run, after.at)}, {before.before:,} to {before.after:,} to"
            f" {after.after:,}): let only one of them shrink the fleet.",
        )


def _ceiling(run: SimulationRun) -> Iterator[Finding]:
    setup = run.setup
    full = [
        one
        for one in run.samples
        if one.desired >= setup.maximum and one.load > _FULL * setup.maximum * setup.task_rate
    ]
    if full:
        yield Finding(
            "warn",
            "ceiling",
            f"The fleet stood at its maximum of {setup.maximum:,} and was more than"
            f" {100 * _FULL:.0f} % full for {span(len(full) * TICK_S)}: raise peak_in_flight.",
        )


def _grows(change: Change) -> bool:
    return change.after > change.before


def _clock(run: SimulationRun, second: int) -> str:
    return (run.trace.start + timedelta(seconds=second)).strftime("%H:%M")


def _cron(run: SimulationRun, second: int) -> str:
    sample = run.trace.start + timedelta(seconds=second)
    return f"{sample.minute} {sample.hour} * * *"


def span(seconds: int) -> str:
    """Seconds in the largest unit that leaves them readable."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.3g} hours"
