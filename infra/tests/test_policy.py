"""The program as it is keeps every policy; a careless edit of it breaks the one about it."""

from dataclasses import replace
from itertools import product

import pytest

import test_policy_data_edits
import test_policy_service_edits
from editing import edited
from harness import Run, keys, run, stack
from policed import in_tier, violations
from stackkit.policy.pack import POLICIES

DATABASE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
STACKS = list(product(("dev", "prod"), ("fargate", "ec2"), (True, False)))


@pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)
def test_every_stack_keeps_every_policy(tier: str, compute: str, domain: bool) -> None:
    made = stack(tier, compute, domain)
    in_tier(tier)
    assert violations(made.registrations) == []


EXTRAS = {
    "database_replicas": "1",
    "database_proxy": "true",
    "bake_ami": "true",
    "schedules": '["0 7 * * MON-FRI = 60..80"]',
    "scaling_policies": '["cpu", "step"]',
    "step_out_requests": "0",
    "step_in_requests": "0",
}


def test_the_optional_parts_keep_every_policy() -> None:
    made = run("prod", keys("prod", "ec2") | EXTRAS)
    in_tier("prod")
    assert made.names("aws:rds/proxy:Proxy") == ["shop-prod"]
    assert violations(made.registrations) == []


def unprotected(made: Run, kind: str) -> Run:
    return Run([replace(r, protect=False) if r.type == kind else r for r in made.registrations])


@pytest.mark.parametrize("kind", [DATABASE, CACHE, BALANCER, "aws:kms/key:Key"])
def test_what_holds_data_or_an_address_stays_protected(kind: str) -> None:
    made = unprotected(stack("prod"), kind)
    in_tier("prod")
    [(policy, _, message)] = violations(made.registrations)
    assert policy == "state-protected"
    assert "protect=True" in message


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (BLOCK, "a public access block"),
        ("aws:s3/bucketPolicy:BucketPolicy", "a policy that denies plain HTTP"),
    ],
)
def test_a_bucket_loses_no_lock(kind: str, what: str) -> None:
    made = stack("prod")
    in_tier("prod")
    [found] = violations([entry for entry in made.registrations if entry.type != kind])
    assert found[:2] == ("bucket-locked", "shop-prod-logs")
    assert f"the bucket has no {what}; add" in found[2]


def test_development_may_be_destroyed_at_once_and_nothing_else() -> None:
    made = stack("dev")
    in_tier("dev")
    found = violations(edited(made, DATABASE, "shop-dev", {"publiclyAccessible": True}))
    assert [name for name, _, _ in found] == ["database-private"]
    in_tier("prod")
    names = {name for name, _, _ in violations(made.registrations)}
    assert names == {"database-survives", "balancer-survives", "bucket-survives", "state-protected"}


def test_every_policy_is_broken_by_some_edit() -> None:
    edits = test_policy_data_edits.EDITS + test_policy_service_edits.EDITS
    elsewhere = {"state-protected", "bucket-locked", "proxy-tls"}
    assert {edit[0] for edit in edits} | elsewhere == {policy.name for policy in POLICIES}
