"""Every stack that the options allow, as far as pairs of them go, stands up in the account."""

import pytest

import pairs
from iam.requests import all_requests
from rehearsed import Outcome, Rehearsals
from test_iam import AWS_OWN, deployer, refused, scope

pytestmark = pytest.mark.extra("rehearses every pair of options")

STACKS = list(pairs.stacks())


@pytest.fixture(scope="module")
def outcomes(rehearsals: Rehearsals) -> dict[int, Outcome]:
    begun = [rehearsals.begin(stack) for stack in STACKS]
    return {number: one.result() for number, one in enumerate(begun)}


def shown(choices: pairs.Choices) -> str:
    plain = {option: next(iter(ways)) for option, ways in pairs.OPTIONS.items()}
    base = ("tier", "compute", "edge")
    more = [o for o in choices if o not in base and choices[o] != plain[o]]
    return ", ".join([*(choices[o] for o in base), *(f"{o} {choices[o]}" for o in more)])


@pytest.mark.parametrize("number", range(len(STACKS)), ids=map(shown, STACKS))
def test_every_combination_stands_up(number: int, outcomes: dict[int, Outcome]) -> None:
    assert outcomes[number].faults == []
    # of the smallest stack there is; a network has more than 20
    smallest = 70 if STACKS[number]["network"] == "existing" else 90
    assert outcomes[number].resources >= smallest


def test_a_deployer_may_make_all_of_them(outcomes: dict[int, Outcome]) -> None:
    # a stack without a repository has no deployer, to whom its key's policy would give anything
    delivered = [n for n in outcomes if STACKS[n]["delivery"] == "GitHub"]
    assert delivered
    for number in delivered:
        outcome = outcomes[number]
        own = scope(STACKS[number]["tier"], STACKS[number]["network"] == "existing")
        made = all_requests(outcome.calls, own)
        assert refused(list(made), deployer(own, outcome.calls), AWS_OWN) == [], shown(
            STACKS[number]
        )


def test_no_pair_is_left_out() -> None:
    chosen = [set(stack.items()) for stack in STACKS]
    assert [
        pair for pair in pairs.every_pair() if not any(set(pair) <= one for one in chosen)
    ] == []
