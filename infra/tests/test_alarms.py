"""Every alarm measures what is there, tells somebody, and says what to do."""

import json
from itertools import product
from typing import Any

import pytest

import cloud
from editing import edited
from harness import Run, keys, run, stack
from iam.requests import changes
from watched import ALARM, COMPOSITE, faults

CHANNEL = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
STACKS = list(product(("dev", "prod"), ("fargate", "ec2"), (True, False)))


@pytest.mark.parametrize(("tier", "compute", "domain"), STACKS)
def test_every_alarm_has_a_metric_a_recipient_and_a_runbook(
    tier: str, compute: str, domain: bool
) -> None:
    made = stack(tier, compute, domain)
    assert len(made.all(ALARM)) >= 4
    assert list(faults(made)) == []


def test_the_alarm_of_the_disk_follows_the_disk_that_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def threshold(made: Run) -> float:
        return made.one(ALARM, "shop-prod-database-storage").inputs["threshold"]

    assert threshold(stack("prod")) == 5 * 10**9
    monkeypatch.setitem(cloud.GROWN, "shop-prod", {"allocatedStorage": 400})
    assert threshold(run("prod", keys("prod"))) == 20 * 10**9


def test_every_option_is_watched_as_well() -> None:
    more = {"database_replicas": "2", "cache_replicas": "0", "tier": "dev", "zones": "2"}
    made = run("prod", keys("prod") | more | {"tier": "prod", "cache_replicas": "1"})
    lag = made.one(ALARM, "shop-prod-replica-lag").inputs["metricQueries"]
    assert list(faults(made)) == []
    assert [query.get("expression") for query in lag] == [None, None, "MAX([lag1, lag2])"]


@pytest.mark.parametrize(
    ("alarm", "changes", "fault"),
    [
        ("latency", {"metricName": "TargetResponseTimes"}, "AWS/ApplicationELB has no"),
        ("latency", {"namespace": "AWS/NetworkELB"}, "AWS/NetworkELB has no TargetResponseTime"),
        ("database-cpu", {"dimensions": {"DBInstanceIdentifier": "other"}}, "there is no DBInst"),
        ("too-few-targets", {"dimensions": {"TargetGroup": None}}, "not there by LoadBalancer"),
        ("cpu", {"alarmDescription": "Runbook: infra/runbooks/cpus.md"}, "cpus.md is no runbook"),
        ("cpu", {"alarmActions": None}, "nobody is told"),
        ("cpu", {"alarmActions": ["arn:aws:sns:eu-west-1:123456789012:topic/x"]}, "is no topic"),
    ],
)
def test_a_fault_of_an_alarm_is_found(alarm: str, changes: dict[str, Any], fault: str) -> None:
    broken = Run(edited(stack("prod"), ALARM, f"shop-prod-{alarm}", changes))
    found = list(faults(broken))
    assert len(found) == 1
    assert fault in found[0]


def test_a_composite_that_asks_for_an_alarm_that_is_gone_is_found() -> None:
    made = stack("prod")
    without = [r for r in made.registrations if r.name != "shop-prod-nat-ports"]
    assert list(faults(Run(without))) == ["a composite asks for shop-prod-nat-ports-0123456"]


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_a_deployment_is_judged_by_errors_and_latency(compute: str) -> None:
    made = stack("prod", compute)
    errors = made.one(ALARM, "shop-prod-errors").inputs
    latency = made.one(ALARM, "shop-prod-latency").inputs
    assert errors["metricQueries"][2]["expression"] == "100 * FILL(errors, 0) / requests"
    assert [q["id"] for q in errors["metricQueries"] if q.get("returnData")] == ["result"]
    assert (latency["metricName"], latency["extendedStatistic"]) == ("TargetResponseTime", "p99")
    # half of a request's deadline of 10 s
    assert (errors["threshold"], latency["threshold"]) == (5, 5)
    for alarm in (errors, latency):
        # nobody asking is not an error
        assert alarm["treatMissingData"] == "notBreaching"
        assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (2, 3)


def test_the_objectives_move_their_alarms() -> None:
    own = {"availability_objective": "99.5", "latency_objective_ms": "400"}
    made = run("prod", keys("prod") | own)
    assert made.one(ALARM, "shop-prod-latency").inputs["threshold"] == 0.4
    assert made.one(ALARM, "shop-prod-burn-fast").inputs["threshold"] == 7.2
    assert made.one(ALARM, "shop-prod-burn-slow").inputs["threshold"] == 3


def test_the_budget_burns_over_a_long_and_a_short_window() -> None:
    made = stack("prod")
    windows = {
        name: {query["metric"]["period"] for query in _queries(made, name)}
        for name in ("burn-fast", "burn-fast-short", "burn-slow", "burn-slow-short")
    }
    assert windows == {
        "burn-fast": {3600},
        "burn-fast-short": {300},
        "burn-slow": {21600},
        "burn-slow-short": {1800},
    }
    rule = made.one(COMPOSITE, "shop-prod-symptoms").inputs["alarmRule"]
    both = 'ALARM("shop-prod-burn-{0}-0123456") AND ALARM("shop-prod-burn-{0}-short-0123456")'
    assert f"({both.format('fast')})" in rule
    assert f"({both.format('slow')})" in rule


def _queries(made: Run, name: str) -> list[dict[str, Any]]:
    queries = made.one(ALARM, f"shop-prod-{name}").inputs["metricQueries"]
    return [query for query in queries if "metric" in query]


@pytest.mark.parametrize("compute", ["fargate", "ec2"])
def test_one_failure_is_one_page(compute: str) -> None:
    made = stack("prod", compute)
    page = "arn:aws:sns:eu-west-1:123456789012:topic/shop-prod-page"
    paging = [
        alarm.name
        for kind in (ALARM, COMPOSITE)
        for alarm in made.all(kind)
        if page in (alarm.inputs.get("alarmActions") or ())
    ]
    assert sorted(paging) == ["shop-prod-causes", "shop-prod-symptoms"]
    causes = made.one(COMPOSITE, "shop-prod-causes").inputs
    symptoms = made.one(COMPOSITE, "shop-prod-symptoms").inputs
    assert symptoms["actionsSuppressor"]["alarm"] == causes["alarmName"]
    assert "database-connections" in causes["alarmRule"]
    assert "errors" in symptoms["alarmRule"]


def test_a_page_and_a_ticket_may_go_to_different_people() -> None:
    def told(made: Run) -> dict[str, str]:
        found = {r.inputs["topic"]: r.inputs["endpoint"] for r in made.all(SUBSCRIPTION)}
        return {topic.rpartition("-")[2]: address for topic, address in found.items()}

    apart = run("prod", keys("prod") | {"ticket_email": "desk@example.com"})
    assert told(stack("prod")) == {"page": "oncall@example.com", "ticket": "oncall@example.com"}
    assert told(apart) == {"page": "oncall@example.com", "ticket": "desk@example.com"}
    assert told(stack("dev")) == {}


def test_a_channel_of_slack_hears_of_pages_and_tickets_and_may_only_look_at_alarms() -> None:
    chosen = {"slack_workspace_id": "T07EA123LEP", "slack_channel_id": "C07EZ1ABC23"}
    made = run("prod", keys("prod") | chosen)
    channel = made.one(CHANNEL).inputs
    assert (channel["slackTeamId"], channel["slackChannelId"]) == tuple(chosen.values())
    topic = "arn:aws:sns:eu-west-1:123456789012:topic/shop-prod-"
    assert channel["snsTopicArns"] == [f"{topic}page", f"{topic}ticket"]
    role = made.one("aws:iam/rolePolicy:RolePolicy", "shop-prod-slack").inputs
    [statement] = json.loads(role["policy"])["Statement"]
    assert {action.partition(":")[0] for action in statement["Action"]} == {"cloudwatch"}
    assert not any(changes(action) for action in statement["Action"])
    # what people type in the channel is bound by it, too
    assert channel["guardrailPolicyArns"] == ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"]
    assert stack("prod").all(CHANNEL) == []


def test_recovery_is_notified_to_the_recipient_of_the_alarm() -> None:
    for kind in (ALARM, COMPOSITE):
        for alarm in stack("prod").all(kind):
            assert alarm.inputs.get("okActions") == alarm.inputs.get("alarmActions")


def test_a_cheap_stack_is_watched_by_few() -> None:
    assert stack("dev").names(ALARM) == [
        "shop-dev-database-storage",
        "shop-dev-errors",
        "shop-dev-latency",
        "shop-dev-too-few-targets",
    ]


def test_a_description_leads_to_the_runbook_where_it_is_read() -> None:
    made = run("dev", keys("dev") | {"runbooks_url": "https://wiki.example.com/shop"})
    described = made.one(ALARM, "shop-dev-latency").inputs["alarmDescription"]
    assert described.endswith("Runbook: https://wiki.example.com/shop/latency.md")
    # CloudWatch's maximum
    assert max(len(a.inputs["alarmDescription"]) for a in stack("prod").all(ALARM)) <= 1024
