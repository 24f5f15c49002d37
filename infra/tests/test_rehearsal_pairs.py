"""Every stack that the options allow, as far as pairs of them go, stands up in the account."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import pytest

import pairs
from harness import REGION
from rehearsal.judge import judge
from rehearsal.program import Rehearsal, rehearse
from rehearsal.world import World

pytestmark = pytest.mark.template
STACKS = list(pairs.stacks())


@dataclass(frozen=True)
class Outcome:
    resources: int
    # what failed, what was judged bad, what could not be judged
    faults: list[str]


def rehearsed(choices: pairs.Choices) -> Outcome:
    values = pairs.values(choices)
    secrets = [name for name in values if name == "cache_password"]
    run = rehearse("shop", choices["tier"], REGION, values, secrets)
    try:
        return Outcome(len(run.resources), list(_faults(World(run.account), run)))
    finally:
        run.account.close()


def _faults(world: World, run: Rehearsal) -> Iterator[str]:
    yield from (f"{failure.name}: {failure.message}" for failure in run.failures)
    for verdict in judge(world):
        yield from verdict.problems
        if verdict.lacks:
            yield f"{verdict.subject}: no {verdict.lacks}"


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[int, Outcome]]:
    # not forked: the engine's threads are not made for it
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield dict(enumerate(pool.map(rehearsed, STACKS)))


def shown(choices: pairs.Choices) -> str:
    plain = {option: next(iter(ways)) for option, ways in pairs.OPTIONS.items()}
    base = ("tier", "compute", "edge")
    more = [o for o in choices if o not in base and choices[o] != plain[o]]
    return ", ".join([*(choices[o] for o in base), *(f"{o} {choices[o]}" for o in more)])


@pytest.mark.parametrize("number", range(len(STACKS)), ids=map(shown, STACKS))
def test_every_combination_stands_up(number: int, outcomes: dict[int, Outcome]) -> None:
    assert outcomes[number].faults == []
    # the smallest stack there is has 90 resources
    assert outcomes[number].resources > 90


def test_no_pair_is_left_out() -> None:
    chosen = [set(stack.items()) for stack in STACKS]
    assert [
        pair for pair in pairs.every_pair() if not any(set(pair) <= one for one in chosen)
    ] == []
