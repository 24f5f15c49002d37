"""A canary deployment moves the weights of a listener rule, and from then on they are ECS's."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from cloud import REGION
from engine.conftest import LivingStack
from engine.delivery import deliver


@pytest.fixture(scope="module")
def stack(new_stack: Callable[..., LivingStack]) -> LivingStack:
    made = new_stack("dev", compute="fargate", rollout="canary")
    made.up()
    return made


@pytest.fixture(scope="module")
def balancing(stack: LivingStack) -> Any:
    session: Any = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    return session.client("elbv2", endpoint_url=stack.account.api)


def rule(balancing: Any) -> dict[str, Any]:
    [balancer] = balancing.describe_load_balancers()["LoadBalancers"]
    [listener] = balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    rules = balancing.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    [found] = [each for each in rules if not each["IsDefault"]]
    return found


def weights(balancing: Any) -> list[int]:
    [action] = rule(balancing)["Actions"]
    return [group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]]


def test_a_finished_canary_is_no_drift_and_no_update_takes_it_back(
    stack: LivingStack, balancing: Any
) -> None:
    assert weights(balancing) == [100, 0]
    found = rule(balancing)
    for group in found["Actions"][0]["ForwardConfig"]["TargetGroups"]:
        group["Weight"] = 100 - group["Weight"]
    balancing.modify_rule(RuleArn=found["RuleArn"], Actions=found["Actions"])
    deliver(stack, "drift")
    assert stack.up() == []
    assert weights(balancing) == [0, 100]
