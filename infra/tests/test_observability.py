import json

import pytest

from harness import DEV, run, stack

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_a_deployment_is_judged_by_errors_and_latency(compute: str) -> None:
    made = stack("prod", compute)
    dimensions = {"LoadBalancer": "app/shop-prod/1", "TargetGroup": "targetgroup/shop-prod/2"}
    errors = made.one(ALARM, "shop-prod-errors").inputs
    latency = made.one(ALARM, "shop-prod-latency").inputs
    measured = [query["metric"] for query in errors["metricQueries"] if "metric" in query]
    assert [m["metricName"] for m in measured] == ["HTTPCode_Target_5XX_Count", "RequestCount"]
    assert [m["dimensions"] for m in measured] == [dimensions] * 2
    assert errors["metricQueries"][2]["expression"] == "100 * FILL(errors, 0) / requests"
    assert [q["id"] for q in errors["metricQueries"] if q.get("returnData")] == ["share"]
    assert (latency["metricName"], latency["extendedStatistic"]) == ("TargetResponseTime", "p99")
    assert latency["dimensions"] == dimensions
    # half of a request's deadline of 10 s
    assert (errors["threshold"], latency["threshold"]) == (5, 5)


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_someone_hears_of_an_alarm_and_of_its_end(compute: str) -> None:
    made = stack("prod", compute)
    subscription = made.one("aws:sns/topicSubscription:TopicSubscription").inputs
    alarms = [made.one(ALARM, f"shop-prod-{role}").inputs for role in ("errors", "latency")]
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "oncall@example.com")
    for alarm in alarms:
        assert alarm["alarmActions"] == alarm["okActions"] == [subscription["topic"]]
        # nobody asking is not an error
        assert alarm["treatMissingData"] == "notBreaching"
        assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (2, 3)


def test_the_dashboard_shows_this_balancer_and_these_targets() -> None:
    made = stack("prod")
    dashboard = made.one("aws:cloudwatch/dashboard:Dashboard").inputs
    widgets = json.loads(dashboard["dashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    assert dashboard["dashboardName"] == made.outputs["dashboard"] == "shop-prod"
    assert len(metrics) == 6
    assert {tuple(metric[2:6]) for metric in metrics} == {
        ("TargetGroup", "targetgroup/shop-prod/2", "LoadBalancer", "app/shop-prod/1")
    }


def test_logs_are_kept_as_long_as_configured() -> None:
    groups = run("dev", DEV | {"log_days": "90"}).all("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name: group.inputs["retentionInDays"] for group in groups} == {
        "shop-dev": 90,
        "shop-dev-flow": 90,
    }
