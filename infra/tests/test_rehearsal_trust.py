"""Whom a role lets in on another's word has to be said."""

from typing import Any

import pytest

from stackkit.tools.rehearse.checks.trust import vouched_for

HOST = "token.actions.githubusercontent.com"
GITHUB = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
SUBJECT = {f"{HOST}:sub": ["repo:acme/shop:environment:prod"]}
AUDIENCE = {f"{HOST}:aud": "sts.amazonaws.com"}


@pytest.mark.parametrize(
    ("condition", "used_by"),
    [
        ({"StringEquals": SUBJECT | AUDIENCE}, [GITHUB]),
        ({"StringEquals": AUDIENCE}, []),
        ({"StringEquals": SUBJECT}, []),
        ({"StringLike": SUBJECT | AUDIENCE}, []),
        ({}, []),
    ],
    ids=["bound", "anybody's repository", "any audience", "a pattern", "nothing"],
)
def test_a_runner_is_let_in_by_its_repository_alone(
    condition: dict[str, Any], used_by: list[str]
) -> None:
    statement = {"Effect": "Allow", "Principal": {"Federated": GITHUB}, "Condition": condition}
    assert vouched_for(statement) == used_by
