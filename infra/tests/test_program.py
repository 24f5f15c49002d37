"""The whole program, for each stack that the template promises."""

from itertools import product

import pytest

from harness import stack

STACKS = list(product(("dev", "prod"), ("fargate",), (True, False)))


@pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)
def test_a_preview_registers_what_an_update_does(tier: str, compute: str, domain: bool) -> None:
    known = stack(tier, compute, domain)
    unknown = stack(tier, compute, domain, preview=True)
    assert len(known.registrations) > 50
    assert unknown.counts() == known.counts()


@pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)
def test_names_leave_room_for_what_aws_and_pulumi_append(
    tier: str, compute: str, domain: bool
) -> None:
    run = stack(tier, compute, domain)
    kinds = ("aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup")
    assert [run.one(kind).name for kind in kinds] == [f"shop-{tier}"] * 2


@pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)
def test_every_resource_belongs_to_a_component(tier: str, compute: str, domain: bool) -> None:
    run = stack(tier, compute, domain)
    parts = [r for r in run.registrations if not r.type.startswith("service:")]
    assert len(parts) > 40
    assert [r.name for r in parts if "::pulumi:pulumi:Stack::" in r.parent] == []
