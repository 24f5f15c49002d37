"""Who can open a connection to whom, computed from the security groups' rules alone."""

import json
from itertools import product

import pytest

from harness import Registration, Run, keys, run, stack

WORLD = "0.0.0.0/0"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"


def role(group_id: str, name: str) -> str:
    return group_id.removeprefix(f"{name}-").removesuffix("-id")


def peer(rule: Registration) -> str:
    """The other side of a rule: a group's id or a range of addresses."""
    given = [
        rule.inputs[key]
        for key in ("referencedSecurityGroupId", "cidrIpv4", "cidrIpv6", "prefixListId")
        if rule.inputs.get(key)
    ]
    assert len(given) == 1
    return given[0]


def port(rule: Registration) -> int:
    assert rule.inputs["ipProtocol"] == "tcp"
    assert rule.inputs["fromPort"] == rule.inputs["toPort"]
    return rule.inputs["fromPort"]


def reachable(made: Run, name: str) -> set[tuple[str, str, int]]:
    """A pair can talk if the one lets it out and the other lets it in."""
    groups = {f"{group}-id" for group in made.names(GROUP)}
    leaves = {(r.inputs["securityGroupId"], peer(r), port(r)) for r in made.all(EGRESS)}
    enters = {(peer(r), r.inputs["securityGroupId"], port(r)) for r in made.all(INGRESS)}
    found = {(a, b, at) for a, b, at in leaves if (a, b, at) in enters}
    found |= {(a, b, at) for a, b, at in enters if a == WORLD}
    found |= {(a, b, at) for a, b, at in leaves if b == WORLD}
    assert {side for a, b, _ in found for side in (a, b)} <= groups | {WORLD}
    return {(role(a, name), role(b, name), at) for a, b, at in found}


INSIDE = {
    ("alb", "compute", 8000),
    ("compute", "database", 5432),
    ("compute", "cache", 6379),
    ("compute", WORLD, 443),
}


@pytest.mark.parametrize(
    ("tier", "compute", "domain"),
    list(product(("dev", "prod"), ("fargate", "ec2"), (True, False))),
)
def test_only_the_wanted_pairs_can_talk(tier: str, compute: str, domain: bool) -> None:
    wanted = INSIDE | {(WORLD, "alb", 80)}
    if domain:
        wanted |= {(WORLD, "alb", 443)}
    if tier == "prod":
        wanted |= {("compute", "endpoints", 443)}
    assert reachable(stack(tier, compute, domain), f"shop-{tier}") == wanted


def test_only_the_named_ranges_reach_the_balancer() -> None:
    sources = ["203.0.113.0/24", "198.51.100.7/32"]
    made = run("dev", keys("dev") | {"allow_from": json.dumps(sources)})
    outside = {(peer(r), port(r)) for r in made.all(INGRESS) if "/" in peer(r)}
    assert outside == set(product(sources, (80, 443)))


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_no_rule_is_left_half_open(tier: str) -> None:
    made = stack(tier)
    ways_out = {
        (r.inputs["securityGroupId"], peer(r), port(r))
        for r in made.all(EGRESS)
        if peer(r) != WORLD
    }
    ways_in = {
        (peer(r), r.inputs["securityGroupId"], port(r))
        for r in made.all(INGRESS)
        if peer(r) != WORLD
    }
    assert len(ways_out) == (4 if tier == "prod" else 3)
    assert ways_out == ways_in


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_groups_hold_no_rules_of_their_own(tier: str) -> None:
    groups = stack(tier).all(GROUP)
    assert len(groups) == (5 if tier == "prod" else 4)
    assert not [g.name for g in groups if g.inputs.get("ingress") or g.inputs.get("egress")]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_default_group_is_emptied(tier: str) -> None:
    default = stack(tier).one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert default.inputs["vpcId"] == f"vpc-shop-{tier}"
    assert (default.inputs["ingress"], default.inputs["egress"]) == ([], [])
