from functools import cache
from typing import Any

import pytest

from harness import DOMAIN, PROD, Run, keys, run, stack

SCHEDULE = "0 7 * * MON-FRI = 60..300"
TARGET = "app/shop-prod/1/targetgroup/shop-prod/2"
SMALL = {
    "peak_in_flight": "30",
    "base_in_flight": "1",
    "latency_ms": "200",
    "fleet_max": "9",
}


@cache
def scaled(compute: str, policies: str, small: bool = False) -> Run:
    values = PROD | {"domain": DOMAIN, "compute": compute, "scaling_policies": policies}
    values |= SMALL if small else {}
    if compute == "fargate" and not small:
        values |= {"schedules": f'["{SCHEDULE}"]'}
    return run("prod", values)


def tracked(compute: str) -> dict[str, Any]:
    kind, key = {
        "fargate": (
            "aws:appautoscaling/policy:Policy",
            "targetTrackingScalingPolicyConfiguration",
        ),
        "ec2": ("aws:autoscaling/policy:Policy", "targetTrackingConfiguration"),
    }[compute]
    made = scaled(compute, '["cpu", "requests", "network"]')
    return {policy.name.rpartition("-")[2]: policy.inputs[key] for policy in made.all(kind)}


def test_a_service_is_kept_at_its_targets() -> None:
    pauses = {"scaleInCooldown": 300, "scaleOutCooldown": 60}
    assert tracked("fargate") == {
        "cpu": pauses
        | {
            "targetValue": 65,
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
        "requests": pauses
        | {
            "targetValue": 117_000,
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": TARGET,
            },
        },
        "network": pauses
        | {
            "targetValue": 300 * 125_000,
            "customizedMetricSpecification": {
                "namespace": "ECS/ContainerInsights",
                "metricName": "NetworkTxBytes",
                "statistic": "Average",
                "unit": "Bytes/Second",
                "dimensions": [
                    {"name": "ClusterName", "value": "shop-prod-0123456"},
                    {"name": "ServiceName", "value": "shop-prod-0123456"},
                ],
            },
        },
    }


def test_a_group_follows_the_requests_in_flight_of_its_instances_each_ten_seconds() -> None:
    made = scaled("ec2", '["in_flight"]')
    [policy] = made.all("aws:autoscaling/policy:Policy")
    assert policy.inputs["targetTrackingConfiguration"] == {
        # 65 % of 4 vCPU x 3,000 requests a second x 80 ms
        "targetValue": 624,
        "customizedMetricSpecification": {
            "namespace": "Service",
            "metricName": "http_requests_in_flight",
            "metricDimensions": [{"name": "Service", "value": "shop-prod"}],
            "statistic": "Average",
            "period": 10,
        },
    }


def test_a_group_is_kept_at_its_targets() -> None:
    assert tracked("ec2") == {
        "cpu": {
            "targetValue": 65,
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
        },
        "requests": {
            "targetValue": 4 * 117_000,
            "predefinedMetricSpecification": {
                "predefinedMetricType": "ALBRequestCountPerTarget",
                "resourceLabel": TARGET,
            },
        },
        "network": {
            "targetValue": 300 * 125_000 * 60,
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageNetworkOut"},
        },
    }


def test_a_service_scales_within_the_plans_bounds() -> None:
    target = scaled("fargate", '["cpu"]').one("aws:appautoscaling/target:Target")
    assert target.inputs == {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/shop-prod-0123456/shop-prod-0123456",
        "minCapacity": 33,
        "maxCapacity": 321,
    }


def step_alarms(made: Run) -> dict[str, tuple[Any, ...]]:
    found = [a for a in made.all("aws:cloudwatch/metricAlarm:MetricAlarm") if "-step-" in a.name]
    for alarm in found:
        assert alarm.inputs["metricName"] == "RequestCountPerTarget"
        assert alarm.inputs["statistic"] == "Sum"
        assert alarm.inputs["period"] == 60
        assert alarm.inputs["dimensions"] == {
            "LoadBalancer": "app/shop-prod/1",
            "TargetGroup": "targetgroup/shop-prod/2",
        }
        [action] = alarm.inputs["alarmActions"]
        assert action.endswith(alarm.name)
    names = ("comparisonOperator", "threshold", "evaluationPeriods", "treatMissingData")
    return {a.name.rpartition("-")[2]: tuple(a.inputs[n] for n in names) for a in found}


OUT = ("GreaterThanOrEqualToThreshold", 1000, 1, "notBreaching")
IN = ("LessThanOrEqualToThreshold", 500, 5, "breaching")


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_steps_follow_the_requests_of_a_target(compute: str) -> None:
    assert step_alarms(scaled(compute, '["step"]', small=True)) == {"out": OUT, "in": IN}


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_steps_beside_tracking_only_add(compute: str) -> None:
    made = scaled(compute, '["cpu", "step"]', small=True)
    assert step_alarms(made) == {"out": OUT}
    assert [text for text in made.outputs["warnings"] if "Scale-in" in text] == [
        "Scale-in is left to cpu: two policies that shrink would fight."
    ]


def test_a_service_takes_two_tasks_more_and_one_less() -> None:
    policies = scaled("fargate", '["step"]', small=True).all("aws:appautoscaling/policy:Policy")
    steps = {p.name: p.inputs["stepScalingPolicyConfiguration"] for p in policies}
    every = {"adjustmentType": "ChangeInCapacity", "cooldown": 300}
    every |= {"metricAggregationType": "Average"}
    up = {"scalingAdjustment": 2, "metricIntervalLowerBound": "0"}
    down = {"scalingAdjustment": -1, "metricIntervalUpperBound": "0"}
    assert steps == {
        "shop-prod-step-out": every | {"stepAdjustments": [up]},
        "shop-prod-step-in": every | {"stepAdjustments": [down]},
    }


def test_a_group_takes_two_instances_more_and_one_less() -> None:
    policies = scaled("ec2", '["step"]', small=True).all("aws:autoscaling/policy:Policy")
    out, back = (
        next(p.inputs for p in policies if p.name == f"shop-prod-step-{way}")
        for way in ("out", "in")
    )
    assert out["stepAdjustments"] == [{"scalingAdjustment": 2, "metricIntervalLowerBound": "0"}]
    assert (out["policyType"], out["estimatedInstanceWarmup"]) == ("StepScaling", 300)
    assert (back["policyType"], back["scalingAdjustment"]) == ("SimpleScaling", -1)
    assert back["cooldown"] == 300


@pytest.mark.parametrize(
    ("chosen", "mode"), [("forecast", "ForecastOnly"), ("on", "ForecastAndScale")]
)
@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_a_fleet_is_forecast_before_it_follows_the_forecast(
    compute: str, chosen: str, mode: str
) -> None:
    kind, key, pair = {
        "fargate": (
            "aws:appautoscaling/policy:Policy",
            "predictiveScalingPolicyConfiguration",
            "ECSServiceCPUUtilization",
        ),
        "ec2": (
            "aws:autoscaling/policy:Policy",
            "predictiveScalingConfiguration",
            "ASGCPUUtilization",
        ),
    }[compute]
    made = run("prod", keys("prod", compute) | {"predictive_scaling": chosen})
    policy = made.one(kind, "shop-prod-predictive").inputs
    assert policy["policyType"] == "PredictiveScaling"
    assert policy[key]["mode"] == mode
    found = policy[key].get("metricSpecification") or policy[key]["metricSpecifications"][0]
    # the target of the policy cpu
    assert int(found["targetValue"]) == 65
    assert found["predefinedMetricPairSpecification"] == {"predefinedMetricType": pair}
    assert "shop-prod-predictive" not in stack("prod", compute).names(kind)


def test_a_service_follows_the_clock_and_an_update_does_not_undo_it() -> None:
    made = scaled("fargate", '["cpu"]')
    action = made.one("aws:appautoscaling/scheduledAction:ScheduledAction").inputs
    assert action["schedule"] == "cron(0 7 ? * MON-FRI *)"
    assert action["scalableTargetAction"] == {"minCapacity": 60, "maxCapacity": 300}
    target = made.one("aws:appautoscaling/target:Target")
    assert target.ignore_changes == ["minCapacity", "maxCapacity"]


def test_a_group_follows_the_clock_and_an_update_does_not_undo_it() -> None:
    made = run(
        "prod",
        PROD | {"domain": DOMAIN, "compute": "ec2", "schedules": '["0 7 * * MON-FRI = 20..80"]'},
    )
    action = made.one("aws:autoscaling/schedule:Schedule").inputs
    assert (action["recurrence"], action["timeZone"]) == ("0 7 * * MON-FRI", "Etc/UTC")
    assert (action["minSize"], action["maxSize"], action["desiredCapacity"]) == (20, 80, -1)
    group = made.one("aws:autoscaling/group:Group")
    assert group.ignore_changes == ["minSize", "maxSize"]
