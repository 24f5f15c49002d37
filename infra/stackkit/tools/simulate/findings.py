"""Findings of a run, one sentence each, with the remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from stackkit.tools.simulate.run import SimulationRun, simulate, with_minimum
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
    short = [one for one in run.ticks if one.shed > 0]
    if not short:
        return
    lost = (
        f"{run.shed:,} requests were shed, {run.shed_percent:.2g} %, for"
        f" {span(len(short) * TICK_S)} from {_moment(run, short[0].second):%H:%M} on"
    )
    most, maximum = ceil(max(run.trace.rates) / run.setup.task_rate), run.setup.maximum
    if most > maximum:
        way = f"the largest load fills {most:,} tasks and the fleet ends at {maximum:,}"
        yield Finding("bad", "too large", f"{lost}: {way}; raise peak_in_flight.")
        return
    least, before = enough(run, step), short[0].second - notice_s - _EARLY_S
    recurrence = f"{_moment(run, before):%-M %-H} * * *"
    schedule = f'; if it is foreseen, nor with the schedule "{recurrence} = {least}..{maximum}"'
    yield Finding(
        "bad",
        "too fast",
        f"{lost}: the load came faster than the fleet. With fleet_min {least:,} (now"
        f" {run.setup.minimum:,}) nothing is shed{schedule if before > 0 else ''}.",
    )


def enough(run: SimulationRun, step: int) -> int:
    """The smallest minimum, in whole zones, with which this trace is served in full."""
    low, high = run.setup.minimum // step, ceil(run.setup.maximum / step)
    while high - low > 1:
        middle = (low + high) // 2
        shed = simulate(with_minimum(run.setup, middle * step), run.trace).shed
        low, high = (middle, high) if shed else (low, middle)
    return min(high * step, run.setup.maximum)


def _flapping(run: SimulationRun) -> Iterator[Finding]:
    turns = [
        after.at - before.at
        for before, after in pairwise(run.changes)
        if before.grows != after.grows and after.at - before.at < TURN_S
    ]
    if len(turns) >= TURNS:
        way = ", or lower step_in_requests" if run.setup.policies.steps else ""
        yield Finding(
            "warn",
            "flapping",
            f"The fleet turned {len(turns)} times within {TURN_S // 60} minutes of growing or"
            f" shrinking, the soonest after {span(min(turns))}: raise fleet_min or"
            f" cooldown_s{way}.",
        )


def _fights(run: SimulationRun) -> Iterator[Finding]:
    fights = [
        (before, after)
        for before, after in pairwise(run.changes)
        if not before.grows and after.grows
        if before.why != after.why and after.at - before.at <= FIGHT_S
    ]
    for before, after in fights[:1]:
        yield Finding(
            "warn",
            "fight",
            f"{after.why} brought back what {before.why} had just taken, {len(fights)} times (first"
            f" at {_moment(run, after.at):%H:%M}, {before.before:,} to {before.after:,} to"
            f" {after.after:,}): let only one of them shrink the fleet.",
        )


def _ceiling(run: SimulationRun) -> Iterator[Finding]:
    most = run.setup.maximum
    busy = _FULL * most * run.setup.task_rate
    full = [one for one in run.ticks if one.desired >= most and one.load > busy]
    if full:
        yield Finding(
            "warn",
            "ceiling",
            f"The fleet stood at its maximum of {most:,} and was more than"
            f" {100 * _FULL:.0f} % full for {span(len(full) * TICK_S)}: raise peak_in_flight.",
        )


def _moment(run: SimulationRun, second: int) -> datetime:
    return run.trace.start + timedelta(seconds=second)


def span(seconds: int) -> str:
    """Seconds in the largest unit that leaves them readable."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.3g} hours"
