import json

from harness import stack


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
