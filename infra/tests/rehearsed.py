"""Rehearsals of stacks, two at a time; what several tests look at is rehearsed once."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import overrides

import pairs
from harness import PROGRAM, PROJECT, REGION
from stackkit.tools.rehearse.account import Call
from stackkit.tools.rehearse.account_snapshot import AccountSnapshot
from stackkit.tools.rehearse.program import Rehearsal, rehearse
from stackkit.tools.rehearse.validate import validate

# (type, logical name) → inputs that a user sets in overrides.py
Overrides = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    resources: int
    # what failed, what was judged bad, what could not be judged
    faults: list[str]
    calls: Sequence[Call]


@dataclass
class Rehearsals:
    pool: ProcessPoolExecutor
    _begun: dict[frozenset[tuple[str, str]], Future[Outcome]] = field(default_factory=dict)

    def begin(self, choices: pairs.Choices) -> Future[Outcome]:
        key = frozenset(choices.items())
        if key not in self._begun:
            self._begun[key] = self.pool.submit(rehearsed, choices, {})
        return self._begun[key]

    def begin_changed(self, choices: pairs.Choices, changes: Overrides) -> Future[Outcome]:
        return self.pool.submit(rehearsed, choices, changes)


@contextmanager
def in_two_processes() -> Iterator[Rehearsals]:
    # not forked: the engine's threads are not made for it
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield Rehearsals(pool)


def rehearsed(choices: pairs.Choices, changes: Overrides) -> Outcome:
    values = pairs.values(choices)
    secrets = [name for name in values if name == "cache_password"]
    overrides.OVERRIDES.update({resource: dict(inputs) for resource, inputs in changes.items()})
    run = rehearse(PROGRAM, PROJECT, choices["tier"], REGION, values, secrets)
    try:
        faults = list(_faults(AccountSnapshot(run.account), run))
        return Outcome(len(run.resources), faults, run.account.calls)
    finally:
        run.account.close()
        overrides.OVERRIDES.clear()


def _faults(snapshot: AccountSnapshot, run: Rehearsal) -> Iterator[str]:
    yield from (f"{failure.name}: {failure.message}" for failure in run.failures)
    yield from run.violations
    for result in validate(snapshot):
        yield from result.problems
        if result.missing_input:
            yield f"{result.subject}: no {result.missing_input}"
