"""The life of a development stack: made, changed key by key, and deleted without a trace."""

from collections.abc import Callable

import pytest

from engine.aws.stack import Stack
from engine.conftest import REGION
from engine.inventory import inventory
from engine.plans import EDITS, IMAGE, Edit, replaced

KEYS = {"upstream_url": "https://upstream.example.com", "allow_http": "true", "image": IMAGE}


@pytest.fixture(
    scope="module",
    params=[
        "fargate",
        pytest.param("ec2", marks=pytest.mark.extra("a stack's life takes minutes")),
    ],
)
def compute(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def new(new_stack: Callable[..., Stack], compute: str) -> Stack:
    return new_stack("dev", compute=compute, **KEYS)


@pytest.fixture(scope="module")
def empty(new: Stack) -> set[str]:
    """What the account held before the first `up`."""
    return inventory(new.account.api, REGION)


@pytest.fixture(scope="module")
def stack(new: Stack, empty: set[str]) -> Stack:
    created = new.up()
    assert {change.operation for change in created} == {"create"}
    return new


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    assert stack.up() == []


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edited_key_changes_what_its_plan_says(stack: Stack, edit: Edit, compute: str) -> None:
    stack.set(**edit.keys)
    changes = stack.up()
    assert replaced(changes) == []
    assert list(map(str, changes)) == edit.plan(compute)


def test_refresh_finds_no_drift(stack: Stack) -> None:
    assert stack.refresh() == []


def test_destroy_leaves_the_account_as_it_was(stack: Stack, empty: set[str]) -> None:
    full = inventory(stack.account.api, REGION)
    stack.destroy()
    assert inventory(stack.account.api, REGION) - empty == set()
    assert len(full - empty) > 50
