from harness import DEV, run


def test_logs_are_kept_as_long_as_configured() -> None:
    groups = run("dev", DEV | {"log_days": "90"}).all("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name: group.inputs["retentionInDays"] for group in groups} == {
        "shop-dev": 90,
        "shop-dev-flow": 90,
        "shop-dev-metrics": 90,
    }
