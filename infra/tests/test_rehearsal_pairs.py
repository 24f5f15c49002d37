"""Every stack that the options allow, as far as pairs of them go, stands up in the account."""

import pytest

import pairs
from cloud import ACCOUNT
from harness import REGION
from rehearsed import Outcome, Rehearsals
from stackkit.resources.delivery_permissions import DeliveryScope, of_deployer
from stackkit.tools.rehearse.account import Call

pytestmark = pytest.mark.extra("rehearses every pair of options")

# an API's and its operations' names in IAM, where they differ
SERVICES = {"elbv2": "elasticloadbalancing"}
ACTIONS = {
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
STACKS = list(pairs.stacks())


@pytest.fixture(scope="module")
def outcomes(rehearsals: Rehearsals) -> dict[int, Outcome]:
    begun = [rehearsals.begin(stack) for stack in STACKS]
    return {number: one.result() for number, one in enumerate(begun)}


def action(call: Call) -> str:
    name = f"{SERVICES.get(call.service, call.service)}:{call.operation}"
    return ACTIONS.get(name, name)


def shown(choices: pairs.Choices) -> str:
    plain = {option: next(iter(ways)) for option, ways in pairs.OPTIONS.items()}
    base = ("tier", "compute", "edge")
    more = [o for o in choices if o not in base and choices[o] != plain[o]]
    return ", ".join([*(choices[o] for o in base), *(f"{o} {choices[o]}" for o in more)])


@pytest.mark.parametrize("number", range(len(STACKS)), ids=map(shown, STACKS))
def test_every_combination_stands_up(number: int, outcomes: dict[int, Outcome]) -> None:
    assert outcomes[number].faults == []
    # the smallest stack there is has 90 resources
    assert outcomes[number].resources >= 90


def test_a_deployer_may_make_all_of_them(outcomes: dict[int, Outcome]) -> None:
    place = DeliveryScope(name="shop-prod", region=REGION, account=ACCOUNT)
    may = {a for statements in of_deployer(place).values() for s in statements for a in s["Action"]}
    called = {action(call) for outcome in outcomes.values() for call in outcome.calls}
    # AWS's own policies for readers, which the deployer has too, cover these
    made = {call for call in called if not call.partition(":")[2].startswith(("Describe", "List"))}
    assert len(made) > 60
    # the zone is there before the stack is
    assert sorted(made - may - {"route53:CreateHostedZone"}) == []


def test_no_pair_is_left_out() -> None:
    chosen = [set(stack.items()) for stack in STACKS]
    assert [
        pair for pair in pairs.every_pair() if not any(set(pair) <= one for one in chosen)
    ] == []
