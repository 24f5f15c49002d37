"""Canary deployments: what ECS is told, and what watches and scales two target groups."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness import Run, keys, run, stack
from test_rehearsal import rehearse
from watched import ALARM, faults

SERVICE = "aws:ecs/service:Service"
RULE = "aws:lb/listenerRule:ListenerRule"
GROUP = "aws:lb/targetGroup:TargetGroup"
FIRST, OTHER = "targetgroup/shop-prod/2", "targetgroup/shop-prod-alt/2"
DERIVED = {"step_out_requests": "0", "step_in_requests": "0"}


@cache
def canary(scaling: str = '["cpu", "requests"]') -> Run:
    chosen = {"rollout": "canary", "scaling_policies": scaling, **DERIVED}
    return run("prod", keys("prod") | chosen)


def alarm(name: str) -> tuple[list[str], list[str]]:
    """Whose metrics an alarm reads, and its expressions."""
    queries = canary().one(ALARM, f"shop-prod-{name}").inputs["metricQueries"]
    groups = [q["metric"]["dimensions"]["TargetGroup"] for q in queries if "metric" in q]
    return groups, [q["expression"] for q in queries if "expression" in q]


def test_a_tenth_of_the_requests_is_judged_by_the_alarms_before_the_rest_follows() -> None:
    service = canary().one(SERVICE).inputs
    assert service["deploymentConfiguration"] == {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "10"},
        "bakeTimeInMinutes": "10",
    }
    names = ["shop-prod-errors-0123456", "shop-prod-latency-0123456"]
    assert service["alarms"] == {"alarmNames": names, "enable": True, "rollback": True}
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["waitForSteadyState"] is True


def test_ecs_may_move_the_weights_of_one_rule_between_two_equal_groups() -> None:
    made = canary()
    first, other = (made.one(GROUP, name).inputs for name in ("shop-prod", "shop-prod-alt"))
    assert first == other
    rule = made.one(RULE)
    assert rule.inputs["listenerArn"].endswith("listener/shop-prod-https")
    assert rule.inputs["conditions"] == [{"pathPattern": {"values": ["/*"]}}]
    [action] = rule.inputs["actions"]
    assert [group["weight"] for group in action["forward"]["targetGroups"]] == [100, 0]
    # an update must not take the requests back
    assert rule.ignore_changes == ["actions"]
    given = made.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "shop-prod-balancer")
    assert given.inputs["policyArn"].endswith(
        ":policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    )
    role = made.one("aws:iam/role:Role", "shop-prod-balancer").inputs["assumeRolePolicy"]
    assert '"Service": "ecs.amazonaws.com"' in role


def test_the_service_waits_for_its_rule_and_its_role() -> None:
    waits = {urn.rpartition("::")[2] for urn in canary().one(SERVICE).depends_on}
    assert {"shop-prod-balancer", "shop-prod-alt", "shop-prod"} <= waits
    [balancer] = canary().one(SERVICE).inputs["loadBalancers"]
    advanced = balancer["advancedConfiguration"]
    assert {key: arn.rpartition("/")[2] for key, arn in advanced.items()} == {
        "alternateTargetGroupArn": "shop-prod-alt",
        "productionListenerRule": "shop-prod",
        "roleArn": "shop-prod-balancer",
    }


@pytest.mark.parametrize(
    ("name", "expressions"),
    [
        (
            "errors",
            [
                "100 * FILL(errors1, 0) / requests1",
                "100 * FILL(errors2, 0) / requests2",
                "MAX([result1, result2])",
            ],
        ),
        ("latency", ["MAX([p991, p992])"]),
        ("too-few-targets", ["SUM([healthy1, healthy2])"]),
        ("busy-targets", ["SUM([requests1, requests2])"]),
    ],
)
def test_a_bad_canary_is_not_hidden_by_the_good_nine_tenths(
    name: str, expressions: list[str]
) -> None:
    groups, found = alarm(name)
    assert set(groups) == {FIRST, OTHER}
    assert found == expressions


def test_every_alarm_of_two_groups_measures_what_is_there() -> None:
    assert list(faults(canary())) == []


def test_the_fleet_follows_the_requests_of_both_groups() -> None:
    policies = canary().all("aws:appautoscaling/policy:Policy")
    [tracking] = [
        p.inputs["targetTrackingScalingPolicyConfiguration"]
        for p in policies
        if p.name == "shop-prod-requests"
    ]
    *counts, result = tracking["customizedMetricSpecification"]["metrics"]
    assert [groups_of(count["metricStat"]) for count in counts] == [FIRST, OTHER]
    assert (result["expression"], result["returnData"]) == ("SUM([requests1, requests2])", True)


def groups_of(stat: dict[str, Any]) -> str:
    assert (stat["stat"], stat["metric"]["metricName"]) == ("Sum", "RequestCountPerTarget")
    return {d["name"]: d["value"] for d in stat["metric"]["dimensions"]}["TargetGroup"]


@pytest.mark.parametrize("way", ["out", "in"])
def test_steps_follow_the_requests_of_both_groups(way: str) -> None:
    found = canary('["step"]').one(ALARM, f"shop-prod-step-{way}").inputs
    *counts, result = found["metricQueries"]
    assert [c["metric"]["dimensions"]["TargetGroup"] for c in counts] == [FIRST, OTHER]
    assert (result["expression"], result["returnData"]) == ("SUM([requests1, requests2])", True)


@pytest.mark.extra("rehearses a whole stack")
def test_the_rehearsal_stands_up_and_its_page_shows_the_shares(tmp_path: Path) -> None:
    page = tmp_path / "rehearsal.html"
    outcome = rehearse("prod", keys("prod") | {"rollout": "canary"}, page=page)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    shares = "10 % of the requests for 10 minutes"
    assert f"canary {shares}" in " ".join(outcome.stdout.split())
    assert shares in page.read_text()


def test_without_it_tasks_are_replaced_in_one_group() -> None:
    made = stack("prod")
    assert made.all(RULE) == []
    assert made.names(GROUP) == ["shop-prod"]
    assert "deploymentConfiguration" not in made.one(SERVICE).inputs
